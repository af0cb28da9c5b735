"""Processes that die: workers and servers killed with SIGKILL, at every moment of a run."""
