"""Scoring in shards: planned once, scored by any engine, merged in the order of the data."""
