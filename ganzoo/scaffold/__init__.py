"""`ganzoo plugin new`: the files that a plugin begins with."""
