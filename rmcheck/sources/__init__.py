"""The kinds of reward sources, and the source that a spec names.

A spec names a source (`recipe:tiny`, `hf:PATH`, `scores:FILE`, or a bare path to a checkpoint
folder). Implementations are in this package, one file each, and are imported when first used;
other packages add theirs through the entry point group `rmcheck.sources`.
"""

from __future__ import annotations

from collections.abc import Callable

from rmcheck.errors import RmcheckError, UsageError, did_you_mean
from rmcheck.registry import Registry, function
from rmcheck.reward_source import Source, SourceOptions, completed
from rmcheck.sources.layout import without_options
from rmcheck.sources.suggestion import suggestion
from rmcheck.spec import Spec

Factory = Callable[[str, SourceOptions], object]
"""From the REST of a spec KIND:REST to a source: an object with `score` and `fingerprint`."""


KINDS: Registry[Factory] = Registry(
    {
        "recipe": "rmcheck.sources.recipe:create",
        "hf": "rmcheck.sources.checkpoint:create",
        "dpo": "rmcheck.sources.dpo:create",
        "scores": "rmcheck.sources.score_file:create",
        "source": "rmcheck.sources.source_file:create",
        "py": "rmcheck.sources.python:create",
        "ensemble": "rmcheck.sources.ensemble:create",
        "http": "rmcheck.sources.served:create_http",
        "https": "rmcheck.sources.served:create_https",
        "judge": "rmcheck.sources.judge:create",
    },
    function("(rest, SourceOptions) -> reward source"),
    "rmcheck.sources",
)
"""The kinds of reward sources, ours and those of other packages."""


def kinds() -> list[str]:
    """The names of every registered kind, ours first."""
    return KINDS.names()


def create(spec: str, options: SourceOptions) -> Source:
    """The source that `spec` names. Nothing heavy happens before its first `score`.

    Raises
    ------
    UsageError
        If the kind is missing or unknown, or the file, folder or recipe does not exist.
    BrokenEntryPoint
        If the kind belongs to another package and that package fails.
    SourceError
        If that package returns something that is not a reward source.
    """
    named = Spec.parse(spec)
    if named.kind in kinds() and not named.rest:
        raise UsageError(f"source {spec!r}: expected a name or a path after '{named.kind}:'")
    if not named.kind or not named.rest:
        path, _ = without_options(spec, lambda path: (options.root / path).is_dir())
        if path and (options.root / path).is_dir():
            named = Spec("hf", spec)
        else:
            raise UsageError(
                f"source {spec!r}: expected KIND:NAME or a folder below {options.root}; "
                f"{suggestion(spec, options.root, kinds())} (kinds: {', '.join(sorted(kinds()))})"
            )
    factory = KINDS.find(named.kind)
    if factory is None:
        near = did_you_mean(named.kind, kinds())
        raise UsageError(f"source {spec!r}: unknown kind {named.kind!r}, {near}")
    try:
        return completed(factory(named.rest, options), spec)
    except RmcheckError:
        raise
    except Exception as error:
        if named.kind in KINDS.ours:
            raise
        raise KINDS.broken(named.kind, error) from error
