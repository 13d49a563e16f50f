"""The forms of data files: JSON, tables and Arrow, each also compressed."""
