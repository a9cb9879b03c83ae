"""What a trained method does with a user's own data: any of its capabilities, on files of any kind that ganzoo reads."""
