"""Hostile and damaged input for everything that ganzoo reads: for the tests, and at length for `benchmarks/fuzz.py`."""
