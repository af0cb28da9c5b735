"""Many branches at once: a map, a broadcast in each of its branches, joins, and losers that are cancelled."""
