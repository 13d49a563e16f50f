"""A language model as judge behind a chat endpoint: its prompt, and how its answers are read."""
