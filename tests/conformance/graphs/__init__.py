"""The graphs of the corpus, by what they are about: ordinary pydantic-graph, with no word of Temporal."""
