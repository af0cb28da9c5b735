"""Examples, each a program of its own."""
