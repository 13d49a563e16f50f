"""From dialogues to rewards with a model: tokens, the prefix forest, batches, the score cache.

Importing this package does not import torch; importing `scorer` does.
"""
