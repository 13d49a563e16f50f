"""Compare records, score files and sources, and test comparisons on simulated models."""
