"""The search of the check `adversary`: chains of transformations, a budget, and smaller edits."""
