"""`ganzoo plugin new`: the files of a new plugin."""
