"""Runs that are replayed: from histories that were recorded, and from the server that has just run them."""
