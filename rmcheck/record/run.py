"""A run as data: `results.json` and `scores.jsonl` in a folder. A baseline is such a folder, kept.

These models are the JSON border: what is written here is read by reports, by `compare`, by
`bless` and by other people's tools, so a field changes only together with `SCHEMA_VERSION`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)

from rmcheck.record.inputs import InputsRecord
from rmcheck.record.members import MembersRecord
from rmcheck.record.pin import PinRow
from rmcheck.record.served import RequestsRecord
from rmcheck.record.source import Printed as Printed
from rmcheck.record.source import SourceRecord as SourceRecord
from rmcheck.wording import listed, read_as

SCHEMA_VERSION = 1
RESULTS = "results.json"
SCORES = "scores.jsonl"

CheckOutcome = Literal["pass", "fail", "error", "skipped"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BaselineRecord(_Model):
    """The baseline that a run was compared with; `kept` says when it was blessed."""

    name: str
    fingerprint: str | None = None
    kept: str = ""


class EstimateRecord(_Model):
    """An `rmcheck.verdict.Estimate` in JSON."""

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int
    n_groups: int


class PictureRecord(_Model):
    """An `rmcheck.verdict.Picture` in JSON."""

    kind: str
    title: str
    data: dict[str, Any]


class TableRecord(_Model):
    """An `rmcheck.verdict.Table` in JSON."""

    title: str
    columns: list[str]
    rows: list[list[Any]]


class StepRecord(_Model):
    """An `rmcheck.verdict.Step` in JSON."""

    label: str
    text: str
    score: float


class CounterexampleRecord(_Model):
    """An `rmcheck.verdict.Counterexample` in JSON."""

    title: str
    key: str
    promise: str
    prompt: str
    before: str
    after: str
    before_score: float
    after_score: float
    after_prompt: str | None = None
    against: float | None = None
    repeat: str = ""
    steps: list[StepRecord] = Field(default_factory=list)
    pin: PinRow | None = None


class PinRecord(_Model):
    """An `rmcheck.verdict.PinResult` in JSON."""

    id: str
    state: Literal["holds", "broken"]
    before: Literal["holds", "broken"] | None = None


class EvidenceRecord(_Model):
    """An `rmcheck.verdict.Evidence` in JSON."""

    pictures: list[PictureRecord] = Field(default_factory=list)
    tables: list[TableRecord] = Field(default_factory=list)
    pairs: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    counterexamples: list[CounterexampleRecord] = Field(default_factory=list)
    pins: list[PinRecord] = Field(default_factory=list)


class LookedRecord(_Model):
    """An `rmcheck.verdict.Looked` in JSON."""

    look: int
    looks: int
    pairs: int
    of: int
    ids: list[str] = Field(default_factory=list)


def _compares(given: dict[str, Any]) -> bool:
    """Records of version 0.1 do not say it; one kind alone compared then."""
    return given.get("kind") == "no_regression"


class CheckRecord(_Model):
    """One check of one suite, decided (or the reason why it was not).

    `compares` says whether it is a comparison with the baseline, `left_out` how many pairs of the
    baseline it left out, being edited or removed. `looked` is given where it could stop early.
    """

    id: str
    kind: str
    gate: Literal["required", "advisory"]
    compares: bool = Field(default_factory=_compares)
    outcome: CheckOutcome
    decision: Literal["pass", "fail", "inconclusive"] | None = None
    state: Literal["identical", "improved", "non_inferior", "regressed", "inconclusive"] | None = (
        None
    )
    weak: bool = False
    estimate: EstimateRecord | None = None
    criterion: dict[str, Any] = Field(default_factory=dict)
    p_value: float | None = None
    adjusted_p: float | None = None
    p_less: float | None = None
    detectable: float | None = None
    message: str
    signature: str = ""
    left_out: int = 0
    evidence: EvidenceRecord = Field(default_factory=EvidenceRecord)
    looked: LookedRecord | None = None
    duration_s: float = 0.0
    line: int = 0


class FileRecord(_Model):
    """How a data file was read, unless it has our own layout.

    `guessed` says that the layout was recognised, not named; `left_out` counts the rows that are
    no pairs by reason, `remarks` those that were read and are doubtful, and `examples` has the
    first lines of each.
    """

    path: str
    layout: str
    guessed: bool = False
    form: str = ""
    rows: int = 0
    left_out: dict[str, int] = Field(default_factory=dict)
    examples: dict[str, list[int]] = Field(default_factory=dict)
    remarks: dict[str, int] = Field(default_factory=dict)

    def __str__(self) -> str:
        """The layout, and what was left out, in a line."""
        return read_as(**self.model_dump(exclude={"path", "form"}))


class DataRecord(_Model):
    """What a suite's data were: a hash over all pairs, and how many there are.

    `files` are those in another layout than our own.
    """

    hash: str
    pairs: int
    groups: int
    paths: list[str] = Field(default_factory=list)
    files: list[FileRecord] = Field(default_factory=list)


class SuiteRecord(_Model):
    """One suite file and its checks, in the order of the file."""

    name: str
    path: str
    description: str = ""
    hash: str = ""
    tags: list[str] = Field(default_factory=list)
    data: DataRecord
    source: SourceRecord | None = None
    members: MembersRecord | None = None
    controls: dict[str, EstimateRecord] = Field(default_factory=dict)
    slices: dict[str, EstimateRecord] = Field(default_factory=dict)
    checks: list[CheckRecord] = Field(default_factory=list)

    @property
    def partly(self) -> bool:
        """Whether a check stopped early and no other had all pairs scored, as `controls` need."""
        looked = [check.looked for check in self.checks if check.looked]
        return any(each.pairs < each.of for each in looked) and not self.controls


class CurvePoint(_Model):
    """A moment of training: the mean loss since the last point, and win rates on samples.

    `held_out_loss` is the recipe's loss on held-out pairs (None: not recorded by version 0.1,
    or none were held out).
    """

    step: int
    loss: float
    train_win_rate: float | None = None
    held_out_loss: float | None = None
    held_out_win_rate: float | None = None


class DistilRecord(_Model):
    """How far a student agrees with its teacher on held-out prompts.

    `same_side` is the share of `margins` (those that are not 0 for the teacher, over all responses
    of `prompts`) in which the student prefers the same response; the correlations are those of the
    margins. They are None without held-out prompts. The teacher's margins were divided by `scale`;
    `alone` counts the rows that were left out for having one response only.
    """

    teacher: str
    fingerprint: str
    scale: float
    alone: int = 0
    prompts: int
    margins: int
    same_side: EstimateRecord | None = None
    pearson: EstimateRecord | None = None
    spearman: EstimateRecord | None = None


class TrainingRecord(_Model):
    """How an adapter came to be; kept beside the adapter and copied into the record.

    `reused` tells a run that found the adapter from the run that trained it. `held_out_pairs` is
    the number of pairs behind each `held_out_win_rate` (None: not recorded by version 0.1).
    `files` are the data files in another layout than our own. `best_step` is the step whose weights
    an early stopping kept, of `steps` that were made. `labels` says how many of `pairs` have a
    label by each objective of the recipe. `distil` is there if it has a teacher. `replayed` counts
    the old examples that a recipe with `replay` mixes with the new ones, before any are held out.
    `processes` is how many trained it together.
    """

    recipe: str
    fingerprint: str
    pairs: int
    truncated: int
    steps: int
    best_step: int | None = None
    seconds: float
    curve: list[CurvePoint] = Field(default_factory=list)
    files: list[FileRecord] = Field(default_factory=list)
    reused: bool = False
    held_out_pairs: int | None = None
    labels: dict[str, int] = Field(default_factory=dict)
    distil: DistilRecord | None = None
    replayed: int | None = None
    processes: int = 1

    @property
    def kept(self) -> CurvePoint | None:
        """The point of the curve whose weights the adapter has; None for an empty curve."""
        of_best = [point for point in self.curve if point.step == self.best_step]
        points = of_best or self.curve
        return points[-1] if points else None


class EnvironmentRecord(_Model):
    """Versions and device of a run; `torch` is null when every score came from the cache."""

    python: str
    torch: str | None = None
    transformers: str | None = None
    device: str | None = None
    dtype: str = "float32"
    platform: str = ""


class ScoringRecord(_Model):
    """How many texts were needed, found in the cache, computed, and cut to the length limit.

    `remarks` say what a user should know of it: a damaged cache, a model read the slow way.
    `requests` counts what was sent to servers.
    """

    needed: int = 0
    cached: int = 0
    computed: int = 0
    truncated: int = 0
    requests: RequestsRecord = Field(default_factory=RequestsRecord)
    remarks: list[str] = Field(default_factory=list)


class RunRecord(_Model):
    """One run of pytest over suites; `scores` names the file of per-pair scores beside it.

    `commit` names the revision of the gated project (None: not known). `blessed` is when it became
    a baseline (None: it did not), kept here, so that no checkout changes which one is the latest.
    `incomplete` says that the run stopped before all checks were decided; `unread` names the suite
    files that could not be read, `left_out` the required checks of its suites that were not
    selected (by `-k`, say), `unasked` the suite files beside its own that it did not ask for.
    `whole` says that the run asked for every suite of the project, `missing` names the suites and
    required checks of the baseline that it no longer found, `uncompared` that it was to have none.
    `run_id` is in every file that the run leaves, `scores_hash` (SHA-256) ties in the scores' file.
    """

    schema_version: Literal[1] = 1
    rmcheck: str
    started: str
    duration_s: float
    seed: int
    inputs: InputsRecord | None = None
    command: str = ""
    source: SourceRecord
    baseline: BaselineRecord | None = None
    environment: EnvironmentRecord
    outcome: Literal["pass", "fail", "error"]
    incomplete: bool = False
    unread: list[str] = Field(default_factory=list)
    left_out: list[str] = Field(default_factory=list)
    unasked: list[str] = Field(default_factory=list)
    whole: bool = False
    missing: list[str] = Field(default_factory=list)
    uncompared: bool = False
    commit: str | None = None
    blessed: str | None = None
    run_id: str = ""
    scores_hash: str = ""
    suites: list[SuiteRecord]
    training: list[TrainingRecord] = Field(default_factory=list)
    scoring: ScoringRecord = Field(default_factory=ScoringRecord)
    scores: str = SCORES

    @property
    def models(self) -> tuple[SourceRecord, ...]:
        """The sources under test: the run's own, and those that suites bring, each once."""
        used = [suite.source for suite in self.suites if suite.source is not None]
        each = {(source.spec, source.fingerprint): source for source in (self.source, *used)}
        return tuple(each.values())

    @property
    def pairs(self) -> int:
        """How many pairs its suites hold, counted once for each suite."""
        return sum(suite.data.pairs for suite in self.suites)

    @property
    def gap(self) -> str:
        """Why not all checks were decided, as a clause; empty where all were."""
        causes = []
        if self.unread:
            causes.append(f"{listed(self.unread)} could not be read")
        if self.incomplete:
            causes.append("the run stopped before all checks were decided")
        return ", and ".join(causes)

    @property
    def red(self) -> tuple[CheckRecord, ...]:
        """The required checks that failed."""
        checks = (check for suite in self.suites for check in suite.checks)
        return tuple(each for each in checks if each.gate == "required" and each.outcome == "fail")


def outcome(suites: Iterable[SuiteRecord]) -> Literal["pass", "fail", "error"]:
    """The outcome of a run of these suites; advisory checks do not count.

    A run without any check has looked at nothing, which is an error.
    """
    checks = [check for suite in suites for check in suite.checks]
    found = {check.outcome for check in checks if check.gate == "required"}
    if "error" in found or not checks:
        return "error"
    return "fail" if "fail" in found else "pass"
