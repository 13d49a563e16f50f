"""YAML documents: which files are suites, what stands where, and what is amiss at which place."""
