"""Choosing among finished runs without target labels: their predictions, criteria, ensembles, and what is known."""
