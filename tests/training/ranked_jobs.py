"""Jobs of processes that train together, for tests: several trainings in one go, and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rmcheck.data import PreferencePair
from rmcheck.errors import TrainingError
from rmcheck.progress import NoProgress, Progress
from rmcheck.training.recipe import Recipe
from rmcheck.training.together import RankTraining


@dataclass(frozen=True)
class Several:
    """Trains several recipes, one after the other, and leaves the weights and record of each."""

    recipes: dict[str, Recipe]
    pairs: Sequence[PreferencePair]
    rank: int
    count: int
    folder: Path
    spec: str = "several"

    def __call__(self, progress: Progress) -> bool:
        from rmcheck.training import adapter
        from rmcheck.training.ranks import Ranks
        from rmcheck.training.trainer import train

        ranks = Ranks(self.rank, self.count, self.folder / "meeting", "cpu")
        for name, recipe in self.recipes.items():
            model, record = train(recipe, list(self.pairs), "cpu", NoProgress(), ranks=ranks)
            target = self.folder / f"{name} {self.rank}"
            target.mkdir()
            adapter.write(model, target)
            (target / "record.json").write_text(record.model_dump_json(), encoding="utf-8")
        ranks.leave()
        return True


class Often(RankTraining):
    """Keeps a checkpoint after each step."""

    def __call__(self, progress: Progress) -> bool:
        from rmcheck.training import checkpoint

        checkpoint.EVERY = 0.0
        return super().__call__(progress)


class OneFails(RankTraining):
    """The second process cannot go on in the middle of its training."""

    def __call__(self, progress: Progress) -> bool:
        from rmcheck.training.native import Updates

        step = Updates.step
        made = []

        def failing(updates: Updates) -> None:
            made.append(1)
            if self.rank == 1 and len(made) == 3:
                raise TrainingError("its disk is on fire")
            step(updates)

        Updates.step = failing  # type: ignore[method-assign]
        return super().__call__(progress)
