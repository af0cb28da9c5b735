"""Runs that one release of a graph has begun, and another one has now."""
