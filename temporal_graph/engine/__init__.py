"""The engine: what happens next in a graph. It stands alone, and does no I/O."""
