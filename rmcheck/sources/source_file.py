"""`source:NAME-or-path`: a model and how it is read, written down in `sources/NAME.yaml`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, MinLen
from pydantic import BaseModel, ConfigDict

from rmcheck.data.rows import shown_path
from rmcheck.documents import located
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.located import Located
from rmcheck.errors import Problem, ProblemsFound, UsageError, did_you_mean, nearest
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.scoring.files import looked_for
from rmcheck.sources.checkpoint import CheckpointSource, is_path
from rmcheck.sources.layout import KEYS, READINGS, Setting, is_template_file, without_options
from rmcheck.sources.model_source import resolved

OWN = "sources"
"""The folder of a project's source files; files elsewhere are given by path."""


class SourceFile(BaseModel):
    """A source file: a model and the settings with which it is read.

    Parameters
    ----------
    source
        The format's version, 1.
    description
        One line.
    kind
        `hf` for a reward model, `dpo` for a policy that is one implicitly.
    model
        The model: a folder relative to this file, or a hub id.
    revision
        A branch, tag or commit of the hub repository.
    template
        How prompt and response are joined: `default`, `chat` (the tokenizer's chat template),
        `raw`, `pair` (the tokenizer's two inputs), or a Jinja file relative to this file.
    end
        What is read after the response: `none`, `tokenizer`, `template` or `eos`.
    max_length
        In tokens; the beginning of the prompt of a longer text is cut.
    pooling
        The reward is read at the `last` token, or is the `mean` over all tokens.
    objective
        For a head with several outputs: the name of one, or a weight for each name.
    reference
        For `dpo`: the model that the policy was trained from, a folder relative to this file or a
        hub id; an adapter's base by default.
    beta
        For `dpo`: the factor of the log-ratio.
    quantize
        `int8`: the model's linear layers are quantised when it is loaded.
    trust_remote_code
        Allows the Python code in the model's folder to be run.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    source: Literal[1]
    description: str = ""
    kind: Literal["hf", "dpo"] = "hf"
    model: Annotated[str, MinLen(1)]
    revision: str | None = None
    template: Annotated[str, MinLen(1)] | None = None
    end: Literal["none", "tokenizer", "template", "eos"] | None = None
    max_length: Annotated[int, Ge(1)] | None = None
    pooling: Literal["last", "mean"] | None = None
    objective: Annotated[str, MinLen(1)] | Annotated[dict[str, float], MinLen(1)] | None = None
    reference: Annotated[str, MinLen(1)] | None = None
    beta: Annotated[float, Gt(0)] | None = None
    quantize: Literal["int8"] | None = None
    trust_remote_code: bool | None = None


ONLY = {
    "hf": ("pooling", "objective", "quantize", "trust_remote_code"),
    "dpo": ("reference", "beta"),
}
"""Keys that only one kind has."""


def project_sources(root: Path) -> dict[str, Path]:
    """The source files of the project at `root`, by their names."""
    return {path.stem: path for path in sorted((root / OWN).glob("*")) if is_yaml(path)}


def create(rest: str, options: SourceOptions) -> Source:
    """A model and how it is read, from `sources/NAME.yaml`.

    Raises UsageError if the file does not exist, ProblemsFound if it has errors.
    """
    path = _path(rest, options.root)
    shown = shown_path(path, options.root)
    document = located.read(path, shown)
    if not isinstance(document.value, dict):
        said = "expected a mapping of keys to values; a source file starts with 'source: 1'"
        raise ProblemsFound([Problem(shown, 1, 1, said)])
    for key, kind, command in (
        ("recipe", "recipe", "--rm recipe:"),
        ("checks", "suite", "pytest "),
    ):
        if key in document.value and "source" not in document.value:
            said = f"expected a source file, got a {kind}; use `{command}{shown}`"
            raise ProblemsFound([Problem(shown, 1, 1, said)])
    if document.value.get("kind") == "judge":
        from rmcheck.sources import judge_file

        return judge_file.create(document, path, shown, f"source:{rest}", options)
    if document.value.get("kind") == "ensemble":
        from rmcheck.sources import ensemble_file

        return ensemble_file.create(
            document, path, f"source:{rest}", options, lambda name: _kind(name, options.root)
        )
    if document.value.get("kind") == "recipe":
        from rmcheck.sources import recipe_source_file

        return recipe_source_file.create(document, path, f"source:{rest}", options)
    if "url" in document.value or document.value.get("kind") == "http":
        from rmcheck.sources import served_file

        return served_file.create(document, path, shown, f"source:{rest}", options)
    problems = _missing_files(document, path.parent)
    try:
        given = located.validate(SourceFile, document, label="source file")
    except ProblemsFound as found:
        raise ProblemsFound([*found.problems, *problems]) from None
    problems += _foreign(given, document)
    if problems:
        raise ProblemsFound(problems)
    spec, model = f"source:{rest}", _model(given.model, path.parent)
    settings = _settings(given, path.parent)
    if given.kind == "hf":
        return CheckpointSource(spec, model, given.revision, options, settings, shown)
    from rmcheck.sources.dpo import DpoSource, LanguageModel

    reference = None
    if given.reference is not None:
        reference = LanguageModel(spec, _model(given.reference, path.parent), None, options)
    policy = LanguageModel(spec, model, given.revision, options, settings, shown)
    return DpoSource(spec, policy, reference, given.beta, options, shown)


def _kind(name: str, root: Path) -> object:
    """The kind that another source file says it is."""
    path = _path(name, root)
    value = located.read(path, shown_path(path, root)).value
    return value.get("kind") if isinstance(value, dict) else None


def _foreign(given: SourceFile, document: Located) -> Iterator[Problem]:
    """Keys of the other kind."""
    for kind, keys in ONLY.items():
        for key in keys:
            if kind != given.kind and getattr(given, key) is not None:
                said = f"{key} is for kind {kind}, and this is {given.kind}; remove it"
                yield document.problem((key,), said, key=True)
    if given.kind == "dpo" and given.template == "pair":
        said = "template 'pair' is for models of two texts; a language model reads one"
        yield document.problem(("template",), said)


def _path(name: str, root: Path) -> Path:
    """The file that a name or a path means."""
    path = resolved(name, root)
    known = project_sources(root)
    plain, settings = without_options(name, lambda given: given in known)
    if settings:
        raise UsageError(
            f"source:{name}: settings are keys of the source file; write "
            f"'{settings.replace('=', ': ')}' into {OWN}/{plain}.yaml"
        )
    if is_yaml(path):
        if path.is_file():
            return path
        there = [f"{OWN}/{each.name}" for each in known.values()]
        remedy = f", {did_you_mean(name, there)}" if known else ""
        raise UsageError(f"source:{name}: file not found: {path}{remedy}")
    if name in known:
        return known[name]
    if not known:
        raise UsageError(
            f"source:{name}: no source files in {root / OWN}; write {OWN}/{name}.yaml "
            "(rmcheck schema source), or give the path of a YAML file"
        )
    near = nearest(name, known)
    remedy = f"did you mean '{near}'?" if near else "choose one of them"
    raise UsageError(
        f"source:{name}: no such file in {root / OWN}, {remedy} (there: {', '.join(known)}), "
        "or give the path of a YAML file"
    )


def _model(given: str, folder: Path) -> str:
    """The model's folder, relative to the file, or its hub id."""
    there = resolved(given, folder)
    return str(there) if there.is_dir() else given


def _missing_files(document: Located, folder: Path) -> list[Problem]:
    """Folders and files that a source file names and that do not exist."""
    found = []
    for key in ("model", "reference"):
        model = document.value.get(key)
        there = Path(os.path.normpath(resolved(str(model), folder)))
        if isinstance(model, str) and is_path(model) and not there.is_dir():
            said = f"{key}: folder not found ({looked_for(there)})"
            found.append(document.problem((key,), said))
    template = document.value.get("template")
    known = not isinstance(template, str) or template in READINGS
    if not known and not is_template_file(template, folder):
        remedy = did_you_mean(template, READINGS)
        path = "the path of a Jinja file relative to this file"
        said = f"template: got {template!r}; {remedy}, or {path}"
        found.append(document.problem(("template",), said))
    return found


def _settings(given: SourceFile, folder: Path) -> Mapping[str, Setting]:
    """The settings in the form in which a spec gives them."""
    said = {key: getattr(given, key) for key in KEYS if getattr(given, key) is not None}
    objective = said.get("objective")
    if isinstance(objective, dict):
        said["objective"] = "+".join(f"{weight!r}*{name}" for name, weight in objective.items())
    if said.get("template", "default") not in READINGS:
        said["template"] = str(resolved(said["template"], folder))
    return said
