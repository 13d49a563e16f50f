"""YAML documents: which files are suites, where each value is, and which mistakes they have."""
