"""Everything that touches Temporal. Imports nothing by itself: most of it is needed only by workers."""
