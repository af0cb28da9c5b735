"""Patterns of approval: before a critical action, with an edit, in a chain, with a way for each answer, in time."""
