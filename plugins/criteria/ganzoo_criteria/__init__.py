"""Criteria by which runs are chosen when the target has no labels, one in each file."""
