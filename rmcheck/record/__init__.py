"""Runs as data: the record of a run, the history of runs, and the baselines that are kept."""
