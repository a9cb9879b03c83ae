"""What a trained method does with a user's own data: any of its capabilities, on any files that ganzoo reads."""
