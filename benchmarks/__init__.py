"""What temporal_graph costs, against the same work written by hand for Temporal."""
