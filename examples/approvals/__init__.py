"""Patterns of approval: before an action, with an edit, in a chain, with a way for each answer, in time, by several."""
