"""Programs of other projects, written against this one: each does here what it does there."""
