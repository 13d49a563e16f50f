"""Comparing: records, score files and sources; and the gate, tried on simulated models."""
