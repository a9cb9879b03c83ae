"""Comparisons: methods x datasets x seeds -> cells -> results.jsonl -> table and report."""
