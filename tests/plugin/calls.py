"""The gate called in a wrong way: options, keys of pytest.ini, folders, variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from .worse import BAD, GOOD, MAIN

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass
class Break:
    """What was broken, for a person, and how the gate is called after it.

    `asks` says what a call asks for that is not the gate: `part`, a selection; `list`, no run at
    all; `other`, another model or baseline.
    """

    told: str
    arguments: list[str] = field(default_factory=lambda: ["suites"])
    folder: str = "."
    environment: dict[str, str] = field(default_factory=dict)
    asks: str = ""


CALLS: tuple[list[str], ...] = (
    [],
    ["suites"],
    ["suites", "--rm", f"scores:{BAD}"],
    ["suites", "--rm", f"scores:{BAD}", "--rm-baseline", "main"],
)


OPTIONS: Sequence[list[str]] = (
    ["--rm="], ["--rm", ""], ["--rm", " "], ["--rm-baseline="], ["--rm-baseline", ""],
    ["--rm-baseline", "mian"], ["--rm-baseline", "Main"], ["--rm-sorce", "x"], ["--rm_source=x"],
    ["--rmbaseline=main"], ["--rm", "nowhere"], ["--rm", "scores:nowhere.jsonl"], ["--rm", "tiny "],
    ["--rm", f"scores:{BAD}", "--rm", f"scores:{GOOD}"], ["--rm-report", "elsewhere"],
    ["--rm-report="], ["--rm-cache", "elsewhere"], ["--rm-seed", "7"], ["--rm-seed", ""],
    ["--rm-examples", "1"], ["--rm-examples", "0"], ["--rm-dtype", "float16"], ["--rm-device", "x"],
    ["-o", "rm_source="], ["-o", "rm-source=x"], ["-o", "RM_SOURCE=x"], ["-o", "rmsource=x"],
    ["-o", "rm_baseline="], ["-o", "rm_baselines=nowhere"], ["-o", "rm_baselines="],
    ["-o", "rm_strict=false"], ["-o", "rm_strict=x"], ["-o", "rmcheck_files="],
    ["-o", "rmcheck_files=nowhere/*"], ["-o", "rmcheck_file=x"], ["-o", "testpaths="],
    ["-o", "addopts="], ["-c", os.devnull], ["-c", "other.ini"], ["--rootdir", "suites"],
    ["--rootdir", ".."], ["--rootdir", "data"], ["--confcutdir", "suites"], ["--noconftest"],
    ["--strict-config"], ["--strict-markers"], ["--continue-on-collection-errors"], ["-x"],
    ["--maxfail", "1"], ["--lf"], ["--ff"], ["--nf"], ["--sw"], ["-q"], ["-qq"], ["-v"], ["-rA"],
    ["-p", "no:cacheprovider"], ["-p", "no:terminal"], ["-p", "no:capture"], ["-p", "no:python"],
    ["-p", "no:skipping"], ["-p", "no:rmcheck"], ["-p", "no:junitxml"], ["-s"], ["--tb", "no"],
    ["--runxfail"], ["--import-mode", "importlib"], ["--keep-duplicates"], ["--junitxml", "j.xml"],
    ["--doctest-modules"], ["--doctest-glob", "*.yaml"], ["--durations", "3"],
    ["-W", "error::DeprecationWarning"], ["--disable-warnings"],
    ["--no-header"], ["--color", "yes"], ["--basetemp", "t"], ["--pdbcls"],
    ["--rm-baseline", "none"], ["-o", "rm_baseline=none"], ["--rm-kept", "off"], ["--rm-kept", "x"],
    ["--rm-early-stop", "on"], ["--rm-early-stop", "x"], ["--rm-seeds", "5"], ["--rm-seeds", "0"],
    ["--rm-engine", "local:2"], ["--rm-engine", "x"], ["--rm-seed", "1"],
    ["--setup-show"], ["-n", "2"], ["-n", "2", "--dist", "loadfile"], ["-n", "0"],
    ["--stepwise"], ["--lf", "--lfnf", "none"], ["-p", "no:rmcheck-controller"], ["--maxfail", "0"],
    ["--pyargs"], ["-o", "norecursedirs=suites"], ["-o", "rm_strict=false", "--lf"],
    ["--ignore", "data"], ["--ignore-glob", "*.txt"], ["-W", "error::FutureWarning"],
    ["--full-trace"],
)  # fmt: skip


NARROWING: Sequence[list[str]] = (
    ["-k", "code"], ["-m", "not rmcheck"], ["--deselect", "suites/chat.yaml::no_regression"],
    ["--deselect", "suites/chat.yaml"], ["--ignore", "suites/chat.yaml"], ["--ignore", "suites"],
    ["--ignore-glob", "*chat*"], ["-k", "not chat", "-n", "2"], ["-o", "addopts=-k code"],
)  # fmt: skip
LISTING: Sequence[list[str]] = (
    ["--co"], ["--co", "-q"], ["--fixtures"], ["--fixtures-per-test"], ["--markers"],
    ["--cache-show"], ["--version"], ["--help"], ["--setup-only"], ["--setup-plan"],
)  # fmt: skip
OTHERS: Sequence[list[str]] = (
    ["--rm-baseline", "other"], ["--rm-baseline", "latest"], ["--rm-baseline", f"scores:{BAD}"],
)  # fmt: skip
ASKING = {
    **{tuple(each): "part" for each in NARROWING},
    **{tuple(each): "list" for each in LISTING},
    **{tuple(each): "other" for each in OTHERS},
}


def option(draw: Draw, root: Path) -> Break:
    """An option beside, before or after the ordinary call."""
    extra = draw(st.one_of(st.sampled_from(OPTIONS), st.sampled_from([*map(list, ASKING)])))
    call = draw(st.sampled_from(CALLS))
    arguments = [*extra, *call] if draw(st.booleans()) else [*call, *extra]
    told = f"pytest {' '.join(arguments)}"
    return Break(told, arguments, asks=ASKING.get(tuple(extra), ""))


KEYS = (
    "rm_source =", "rm_source = recipe:tiny", "rm-source = x", "RM_SOURCE = x", "rmsource = x",
    "rm_sources = x", "rm_baseline =", "rm_baseline = mian", "rm_baselines =",
    "rm_baselines = nowhere", "rm_baselines = reports", "rm_strict = false", "rm_strict =",
    "rmcheck_files =", "rmcheck_files = !suites/*", "rmcheck_files = suites/code.yaml",
    "rmcheck_files = nowhere/*.yaml", "rmcheck_files = suites/*.yml", "rmcheck_file = x",
    "norecursedirs = suites", "norecursedirs = *", "addopts = -k code", "rm_baseline = none",
    "addopts = -m 'not rmcheck'", "addopts = --setup-only", "addopts = --setup-plan",
    "addopts = --ignore-glob=*chat*", "addopts = --lf", "addopts = --ignore=data",
    "addopts = --rm-baseline none", "addopts = --fixtures", "addopts = -x --sw", "rm_kept = off",
    "rm_early_stop = on", "rm_seeds = 5", "testpaths = suites/code.yaml", "rm_engine = local:2",
    "addopts = --co",
    "addopts = --deselect suites/chat.yaml::no_regression", "addopts = --ignore suites/chat.yaml",
    "addopts = -p no:rmcheck", "addopts = --rm=", "addopts = -m rmcheck", "python_files = *.yaml",
    "collect_imported_tests = false", "xfail_strict = true", "minversion = 99", "rm_cache =",
    "rm_report =", "rm_examples = 0", "rm_seed = x", "testpaths = suites data", "cache_dir = x",
    "collect_ignore = suites", "usefixtures = nothing", "required_plugins = pytest-none",
)  # fmt: skip


def key(draw: Draw, root: Path) -> Break:
    """A key of pytest.ini more, in place of the one of that name."""
    key = draw(st.sampled_from(KEYS))
    path = root / "pytest.ini"
    name = key.partition("=")[0].strip()
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line.partition("=")[0].strip() != name]
    path.write_text("\n".join([*lines, key]) + "\n", encoding="utf-8")
    return Break(f"{key} in pytest.ini")


PLACES: Sequence[tuple[str, list[str]]] = (
    (".", ["./suites"]), (".", ["suites/"]), (".", ["suites/../suites"]), (".", ["."]),
    ("suites", ["."]), ("suites", []), ("data", ["../suites"]), ("..", ["{}/suites"]),
    ("..", ["{}"]), (".", ["suites", "data"]), ("reports", ["../suites"]), ("..", []),
    (".", ["suites", "nowhere"]), (".", ["Suites"]), (".", ["suites/*.yaml"]),
    (".", ["suites/chat.yaml", "suites/code.yaml"]), (MAIN, ["../../../suites"]),
)  # fmt: skip


def place(draw: Draw, root: Path) -> Break:
    """The gate called from another folder, or by another name of the folder."""
    folder, words = draw(st.sampled_from(PLACES))
    arguments = [word.format(root.name) for word in words]
    return Break(f"in {folder}: pytest {' '.join(arguments)}", arguments, folder)


VARIABLES = (
    {"PYTEST_ADDOPTS": ""}, {"PYTEST_ADDOPTS": "--rm="}, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    {"CI": "true"}, {"CI": "1", "GITHUB_ACTIONS": "true"}, {"HOME": "/nowhere"}, {"LANG": "C"},
    {"PYTHONHASHSEED": "3"}, {"TMPDIR": "/nowhere"}, {"NO_COLOR": "1"}, {"COLUMNS": "1"},
    {"PYTHONOPTIMIZE": "2"}, {"GITHUB_STEP_SUMMARY": "/x/y"},
    {"RM_SOURCE": f"scores:{GOOD}"}, {"TZ": "Asia/Tokyo"},
    {"PYTEST_ADDOPTS": "-p no:cacheprovider"}, {"PYTEST_ADDOPTS": "-k code"},
    {"PYTEST_ADDOPTS": "--co"}, {"PYTEST_ADDOPTS": "-m 'not rmcheck'"},
    {"PYTEST_ADDOPTS": "--deselect suites/chat.yaml"}, {"PYTEST_ADDOPTS": "--ignore suites"},
    {"PYTEST_ADDOPTS": "--rm-baseline none"}, {"PYTEST_ADDOPTS": "--setup-plan"},
    {"PYTEST_ADDOPTS": "-n 2 -k code"}, {"PYTEST_ADDOPTS": "--fixtures"},
    {"PYTEST_ADDOPTS": "-p no:rmcheck"}, {"PYTEST_PLUGINS": "nowhere"},
    {"RMCHECK_SOURCE": f"scores:{GOOD}"}, {"RMCHECK_BASELINE": "none"},
    {"RMCHECK_STRICT": "false"}, {"RMCHECK_CACHE_KEY": "x"}, {"RM_BASELINE": "none"},
    {"OMP_NUM_THREADS": "0"}, {"PYTHONWARNINGS": "error"}, {"PYTHONUTF8": "0", "LC_ALL": "C"},
)  # fmt: skip


def environment(draw: Draw, root: Path) -> Break:
    """A variable of the environment."""
    given = draw(st.sampled_from(VARIABLES))
    return Break(f"with {given}", environment=dict(given))
