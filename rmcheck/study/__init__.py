"""Studies: one recipe trained many times, to see what it reaches or which settings are best."""
