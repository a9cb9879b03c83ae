"""Blocks that methods share, one idea per file."""
