"""Scores kept on disk: the store, the source that asks it first, and the care of its folder."""
