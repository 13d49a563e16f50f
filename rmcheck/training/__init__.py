"""How a recipe becomes a reward model: the recipe, its losses, the trainer, the adapter on disk.

Nothing here imports torch when the package is imported; `trainer` does when it is.
"""
