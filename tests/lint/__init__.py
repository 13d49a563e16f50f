"""Tests of the linter, on data made by hand or held against brute force."""
