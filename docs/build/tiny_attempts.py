"""Try changes of the tiny recipe on training prompts that it did not see; see docs/tiny-model.md.

    OMP_NUM_THREADS=1 python docs/build/tiny_attempts.py features
    OMP_NUM_THREADS=1 python docs/build/tiny_attempts.py train [--pooling P] [--augment NAME ...]

One training prompt in five is held out, by a hash of its text. Evaluation pairs are read with
`--evaluation` only, which trains on all training pairs.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from gated_models import PREFERENCES, ROOT, TRAINING
from numpy.typing import NDArray
from scipy import sparse

from rmcheck.checks.controls import with_swapped_prompts
from rmcheck.data import Dialogue, PreferencePair, pair_dialogues, preferences
from rmcheck.lint.lexical import STRENGTH, differences, fit_differences, fit_words
from rmcheck.progress import NoProgress
from rmcheck.training.augmentation import Augment
from rmcheck.training.recipe_file import load_recipe

PARTS = 5
WEIGHT = 4.0
"""Of a feature, in its standard deviations, against a word that occurs once."""

UNFINISHED = re.compile(
    r"\b(the|a|an|of|to|and|in|is|that|it|for|with|or|as|your|you|by|on|at|be|are|not|but|if|than"
    r"|from)\s*$"
)
FINISHED = re.compile(r"[.!?)\"'`”:\]}]\s*$")


def pairs_in(folder: Path) -> list[PreferencePair]:
    """The pairs of a folder's files, in the order of their names."""
    return list(preferences.load(sorted(folder.glob("*.jsonl"))).pairs)


def is_held_out(pair: PreferencePair) -> bool:
    """Whether a pair's prompt is one of those that nothing is trained on."""
    digest = hashlib.sha1(str(pair.prompt).encode(), usedforsecurity=False).hexdigest()
    return int(digest, 16) % PARTS == 0


def parts(evaluation: bool) -> tuple[list[PreferencePair], list[PreferencePair]]:
    """Pairs to train on and to judge by."""
    pairs = pairs_in(TRAINING)
    if evaluation:
        return pairs, pairs_in(PREFERENCES)
    return [p for p in pairs if not is_held_out(p)], [p for p in pairs if is_held_out(p)]


def endings(text: str) -> list[float]:
    """How a text ends: with a mark, with one after some words, with a word that leads on."""
    end, long = bool(FINISHED.search(text)), len(text.split()) > 8
    return [float(end), float(end and long), float(bool(UNFINISHED.search(text.lower())))]


def repeats(text: str) -> list[float]:
    """The share of word triples that were there before, and whether it is above 5 %."""
    words = text.split()
    triples = list(zip(words, words[1:], words[2:], strict=False))
    again = 1 - len(set(triples)) / max(1, len(triples))
    return [again, float(again > 0.05)]


FEATURES: dict[str, Callable[[str], list[float]] | None] = {
    "words alone": None,
    "words and endings": endings,
    "words and repeats": repeats,
    "words, endings and repeats": lambda text: [*endings(text), *repeats(text)],
}


def features(train: Sequence[PreferencePair], judged: Sequence[PreferencePair]) -> None:
    """What a bag of words wins, and with a few features that a counter of words does not have."""
    words = fit_words(train)
    sides = [differences(pairs, words.vocabulary) for pairs in (train, judged)]
    for name, measure in FEATURES.items():
        if measure is None:
            show(name, judged, sides[1] @ words.weights)
            continue
        more = [_measured(pairs, measure) for pairs in (train, judged)]
        scale = WEIGHT / (more[0].std(axis=0) + 1e-9)
        design, tested = (
            sparse.csr_array(sparse.hstack([side, sparse.csr_array(values * scale)]))
            for side, values in zip(sides, more, strict=True)
        )
        show(name, judged, tested @ fit_differences(design, STRENGTH))


def _measured(
    pairs: Sequence[PreferencePair], measure: Callable[[str], list[float]]
) -> NDArray[np.float64]:
    return np.array([np.subtract(measure(p.chosen), measure(p.rejected)) for p in pairs])


def train(
    pairs: Sequence[PreferencePair],
    judged: Sequence[PreferencePair],
    options: argparse.Namespace,
) -> None:
    """Train the recipe with what the options change, and show what it wins."""
    from rmcheck.scoring.loading import load_tokenizer
    from rmcheck.scoring.scorer import Scorer
    from rmcheck.training import trainer

    recipe = load_recipe(str(ROOT / "fixtures" / "recipes" / "tiny.yaml"), ROOT)
    epochs = recipe.optimisation.epochs
    if options.augment:
        # Each pair has a copy: as many steps as without.
        recipe = replace(recipe, augment=Augment(transformations=tuple(options.augment)))
        epochs /= 2
    recipe = replace(
        recipe,
        pooling=options.pooling or recipe.pooling,
        seed=options.seed,
        held_out=recipe.held_out if options.evaluation else 0.0,
        optimisation=replace(recipe.optimisation, epochs=epochs),
    )
    began = time.process_time()
    model, record = trainer.train(recipe, pairs, "cpu", NoProgress())
    print(f"{record.pairs} pairs, {record.steps} steps, {time.process_time() - began:.0f} CPU s")
    scorer = Scorer(
        model.base_model.model,
        load_tokenizer(recipe.base_files(), None),
        recipe.template,
        recipe.max_length,
        "cpu",
        pooling=recipe.pooling,
    )

    def margins(texts: Sequence[Dialogue]) -> NDArray[np.float64]:
        rewards = scorer.score(texts)
        return rewards[0::2] - rewards[1::2]

    show("with its prompt", judged, margins(pair_dialogues(judged)))
    show("with another prompt", judged, margins(with_swapped_prompts(judged)))


def show(name: str, pairs: Sequence[PreferencePair], margins: NDArray[np.float64]) -> None:
    """The win rate over all pairs and by flaw."""
    wins = np.where(margins == 0, 0.5, margins > 0)
    by_flaw: dict[str, list[float]] = defaultdict(list)
    for pair, win in zip(pairs, wins.tolist(), strict=True):
        by_flaw[pair.tags[0]].append(win)
    # Composed pairs of other prompts: the rejected text was learnt as another prompt's good one.
    rest = [win for flaw, each in by_flaw.items() if flaw != "off_topic" for win in each]
    print(f"{name}: {wins.mean():.3f}, without off_topic {np.mean(rest):.3f} (n={len(pairs)})")
    flaws = sorted(by_flaw.items(), key=lambda item: -len(item[1]))
    print("  " + ", ".join(f"{flaw} {np.mean(each):.2f} ({len(each)})" for flaw, each in flaws))


def main() -> None:
    """Run one attempt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attempt", choices=("features", "train"))
    parser.add_argument("--pooling", choices=("last", "mean"))
    parser.add_argument("--augment", nargs="*", help="transformations for a copy of each pair")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluation", action="store_true", help="judge by the evaluation pairs")
    options = parser.parse_args()
    pairs, judged = parts(options.evaluation)
    if options.attempt == "features":
        features(pairs, judged)
    else:
        train(pairs, judged, options)


if __name__ == "__main__":
    main()
