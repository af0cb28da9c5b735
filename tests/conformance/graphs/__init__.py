"""The graphs of the corpus, by what they are about. Nothing in them knows of temporal_graph."""
