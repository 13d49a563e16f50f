"""Planted reward models: the candidate's scores with a dose of a vice, to test the suites."""
