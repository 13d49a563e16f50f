"""The statistics of rmcheck: pure functions on arrays, with every random draw passed in."""
