"""Watches a production log of scores: whether it is still what it was at first."""
