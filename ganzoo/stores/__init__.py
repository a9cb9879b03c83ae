"""Turns the raw files of an archive into a store, and checks stores."""
