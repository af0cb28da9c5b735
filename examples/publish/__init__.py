"""Publish a Markdown file: check it, draft a summary, wait for a person, write the result."""
