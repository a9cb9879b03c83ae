"""Applies any capability of a trained method to a user's own data: any files that ganzoo reads."""
