"""The smallest talk with a person: a graph of node classes, one of which waits."""
