"""How a recipe becomes a reward model: the recipe, its losses, the trainer, the adapter on disk.

Importing this package does not import torch; importing `trainer` does.
"""
