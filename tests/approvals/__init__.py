"""The approval queue, on real servers."""
