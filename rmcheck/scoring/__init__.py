"""From dialogues to rewards with a model: tokens, the prefix forest, batches, the score cache.

Nothing here imports torch when the package is imported; `scorer` does when it is.
"""
