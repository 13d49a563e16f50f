"""What silences a gate without an option: ini files, conftest.py, time stamps, folders, rights."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

from hypothesis import strategies as st

from .calls import Break, Draw
from .worse import BAD, GOOD, MAIN

SILENCING: dict[str, str] = {
    "a hook deselects": """
def pytest_collection_modifyitems(config, items):
    gone = [item for item in items if "chat" in item.nodeid]
    items[:] = [item for item in items if item not in gone]
    config.hook.pytest_deselected(items=gone)
""",
    "a hook drops items": """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "chat" not in item.nodeid]
""",
    "a hook drops all items": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
    "a hook drops one check": """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.nodeid != "suites/chat.yaml::no_regression"]
""",
    "collect_ignore": 'collect_ignore = ["suites/chat.yaml", "chat.yaml"]\n',
    "collect_ignore_glob": 'collect_ignore_glob = ["*chat*"]\n',
    "a folder ignored": 'collect_ignore = ["suites"]\n',
    "a hook ignores": """
def pytest_ignore_collect(collection_path):
    return True if "chat" in collection_path.name else None
""",
    "a mark skips": """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.skipif(True, reason="later"))
""",
    "a mark expects a failure": """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xfail(run=False))
""",
    "a fixture skips": """
import pytest

@pytest.fixture(autouse=True)
def later(request):
    if "chat" in request.node.nodeid:
        pytest.skip("later")
""",
    "an option set": 'def pytest_configure(config):\n    config.option.keyword = "code"\n',
    "a protocol of its own": """
def pytest_runtest_protocol(item, nextitem):
    return True if "chat" in item.nodeid else None
""",
    "a loop of its own": "def pytest_runtestloop(session):\n    return True\n",
    "no call": "def pytest_pyfunc_call(pyfuncitem):\n    return True\n",
    "stopped": """
def pytest_collection_finish(session):
    session.shouldstop = "enough"
""",
    "a mistake": "def broken(:\n",
    "an import": "import no_such_module\n",
    "a plugin": 'pytest_plugins = ["no_such_plugin"]\n',
    "harmless": "import pytest\n",
}
"""Texts of a conftest.py; the last one does nothing."""


def conftest(draw: Draw, root: Path) -> Break:
    """A conftest.py that keeps checks from being looked at."""
    name = draw(st.sampled_from(list(SILENCING)))
    folder = draw(st.sampled_from((".", "suites")))
    (root / folder / "conftest.py").write_text(SILENCING[name], encoding="utf-8")
    workers = ["-n", "2"] if draw(st.integers(0, 9)) == 0 else []
    return Break(f"{folder}/conftest.py: {name}", ["suites", *workers])


SECTIONS = {
    "pytest.toml": "[pytest]\n{}\n",
    ".pytest.toml": "[pytest]\n{}\n",
    ".pytest.ini": "[pytest]\n{}\n",
    "pyproject.toml": "[tool.pytest.ini_options]\n{}\n",
    "tox.ini": "[pytest]\n{}\n",
    "setup.cfg": "[tool:pytest]\n{}\n",
    "suites/pytest.ini": "[pytest]\n{}\n",
}
LINES = (
    f'rm_source = "scores:{GOOD}"', 'addopts = "-k code"', 'rm_baseline = "none"',
    'rmcheck_files = ["!suites/chat.yaml"]', 'testpaths = ["data"]', "",
)  # fmt: skip


def second_file(draw: Draw, root: Path) -> Break:
    """Another configuration file beside pytest.ini, before or after it in pytest's order."""
    name = draw(st.sampled_from(list(SECTIONS)))
    line = draw(st.sampled_from(LINES))
    plain = line if name.endswith(".toml") else line.replace('"', "").strip()
    (root / name).write_text(SECTIONS[name].format(plain), encoding="utf-8")
    return Break(f"{name} with {plain!r}")


MOVES = (
    ("suites/chat.yaml", "suites/deep/chat.yaml"), ("suites/chat.yaml", "other/chat.yaml"),
    ("suites/chat.yaml", "data/chat.yaml"), ("suites/chat.yaml", "chat.rmcheck.yaml"),
    ("suites/chat.yaml", "other/suites/chat.yaml"), ("suites", "gates"),
    ("suites", "other/suites"), ("data", "suites/data"), (BAD, "suites/candidate.jsonl"),
    (MAIN, "fixtures/main"), ("fixtures", "suites/fixtures"), ("reports", "data/reports"),
    ("pytest.ini", "suites/pytest.ini"),
)  # fmt: skip


def moved(draw: Draw, root: Path) -> Break:
    """A file or folder in another folder, or a copy of it there."""
    source, target = draw(st.sampled_from(MOVES))
    (root / target).parent.mkdir(parents=True, exist_ok=True)
    copied = draw(st.booleans())
    if not copied:
        shutil.move(root / source, root / target)
    elif (root / source).is_dir():
        shutil.copytree(root / source, root / target)
    else:
        shutil.copy2(root / source, root / target)
    return Break(f"{source} {'copied' if copied else 'moved'} to {target}")


TOUCHED = ("pytest.ini", "suites/chat.yaml", "data/chat.jsonl", BAD, f"{MAIN}/results.json",
           f"{MAIN}/scores.jsonl", ".")  # fmt: skip


def clock(draw: Draw, root: Path) -> Break:
    """Time stamps from another age, of a file or of everything."""
    name = draw(st.sampled_from(TOUCHED))
    when = draw(st.sampled_from((0, 1, 315532800, 4102444800, 2**33)))
    paths = [*root.rglob("*")] if name == "." else [root / name]
    for path in paths:
        os.utime(path, (when, when))
    return Break(f"{name} of the time {when}")


def rights(draw: Draw, root: Path) -> Break:
    """A file or folder that cannot be read or written; without effect for a privileged user."""
    name = draw(st.sampled_from((*TOUCHED[:-1], "suites", "data", MAIN, "reports", "scores")))
    mode = draw(st.sampled_from((0o000, 0o111, 0o444, 0o555)))
    (root / name).chmod(mode)
    return Break(f"{name} with mode {mode:o}")


PACKED = ("suites/chat.yaml", "data/chat.jsonl", BAD, f"{MAIN}/scores.jsonl")


def packed(draw: Draw, root: Path) -> Break:
    """A file compressed, under its name or under that of a compressed one, or doubled."""
    name = draw(st.sampled_from(PACKED))
    path = root / name
    content = path.read_bytes()
    how = draw(st.sampled_from(("gzip", "gzip renamed", "gzip beside", "twice", "half twice")))
    if how == "gzip":
        path.write_bytes(gzip.compress(content))
    elif how.startswith("gzip"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
        if how == "gzip renamed":
            path.unlink()
    else:
        more = content if how == "twice" else content[: len(content) // 2]
        path.write_bytes(content + more)
    return Break(f"{how}: {name}")


KINDS = (conftest, second_file, moved, clock, rights, packed)
