from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck import Dialogue
from rmcheck.errors import UsageError
from rmcheck.reward_source import SourceOptions


class Words:
    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.fingerprint = f"words-1:{','.join(words)}"

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        texts = [dialogue.response.lower() for dialogue in dialogues]
        return np.array([sum(map(text.count, self.words)) for text in texts], dtype=np.float64)


def create(rest: str, options: SourceOptions) -> Words:
    """Counts words in a response: `words:please,thanks`."""
    words = [word.strip().lower() for word in rest.split(",")]
    if not all(words):
        raise UsageError(f"words:{rest}: expected words with commas between, as in words:please")
    return Words(words)
