"""Which describable part of the data holds the pairs that a model newly gets wrong."""
