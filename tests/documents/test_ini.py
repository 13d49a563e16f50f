"""The file that configures pytest: commands find and read the one that pytest finds and reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rmcheck.documents.ini import KEYS, IniFile
from rmcheck.errors import UsageError
from rmcheck.plugin.hooks import OPTIONS

INI = "[pytest]\nrm_source = hf:one\nrmcheck_files = suites/*.yaml\n    !suites/draft.yaml\n"

LAYOUTS: dict[str, dict[str, str]] = {
    "nothing": {},
    "pytest.ini": {"pytest.ini": INI},
    "hidden": {".pytest.ini": INI},
    "an empty pytest.ini": {"a/pytest.ini": "", "pytest.ini": INI},
    "tox.ini": {"tox.ini": "[testenv]\nrm_source = x\n" + INI},
    "a tox.ini of others": {"a/tox.ini": "[testenv]\n", "pytest.ini": INI},
    "setup.cfg": {"setup.cfg": INI.replace("[pytest]", "[tool:pytest]")},
    "comments": {"pytest.ini": "# first\n[pytest]\n# rm_source = hf:no\nrm_source = hf:100%%d\n"},
    "capitals": {"pytest.ini": "[pytest]\nRM_SOURCE = hf:no\n"},
    "pyproject.toml": {"pyproject.toml": "[tool.pytest.ini_options]\nrm_source = 'hf:one'\n"},
    "numbers": {"pyproject.toml": "[tool.pytest.ini_options]\nrm_seed = 3\n"},
    "a list": {"pyproject.toml": "[tool.pytest.ini_options]\nrmcheck_files = ['a b', '!c']\n"},
    "a pyproject.toml of others": {"a/pyproject.toml": "[tool.other]\n"},
    "the nearest of two of others": {"a/pyproject.toml": "", "pyproject.toml": ""},
    "one of others below": {"a/b/pyproject.toml": "[tool.other]\n", "pytest.ini": INI},
    "setup.py": {"a/setup.py": ""},
    "the nearer": {"a/pytest.ini": "[pytest]\nrm_source = hf:near\n", "pytest.ini": INI},
    "the first of a folder": {
        "pytest.ini": "[pytest]\nrm_source = hf:first\n",
        "pyproject.toml": "[tool.pytest.ini_options]\nrm_source = 'hf:second'\n",
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_the_one_that_pytest_takes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    for path, text in LAYOUTS[layout].items():
        (pytester.path / path).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / path).write_text(text, encoding="utf-8")
    start = pytester.path / "a/b"
    start.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(start)
    theirs = pytester.parseconfig()
    ours = IniFile.above(start)
    assert (ours.root, ours.path) == (theirs.rootpath, _with_values(theirs.inipath, ours))
    assert ours.get("rm_source") == theirs.getini("rm_source")
    assert ours.get("rm_seed") == theirs.getini("rm_seed")
    files = ours.get("rmcheck_files") or []
    assert (files.split() if isinstance(files, str) else files) == theirs.getini("rmcheck_files")


def _with_values(path: Path | None, ours: IniFile) -> Path | None:
    """pytest also names a pyproject.toml that says nothing of it; that one alone is let pass."""
    silent = path is not None and path.name == "pyproject.toml" and not ours.values
    return None if silent else path


def test_the_layouts_above_are_told_apart(tmp_path: Path) -> None:
    # The oracle would be worth nothing if no layout had a value.
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "a").mkdir()
    assert IniFile.above(tmp_path / "a").get("rm_source") == "hf:one"
    assert IniFile.of(tmp_path / "a") is None


def test_the_native_table_of_pytest_9(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.pytest]\nrm_source = 'hf:one'\nrm_seed = 3\n")
    found = IniFile.above(tmp_path)
    assert found.get("rm_source") == "hf:one"
    with pytest.raises(UsageError, match=re.escape(f"{path}: rm_seed: expected text, got 3")):
        found.get("rm_seed")
    path.unlink()
    (tmp_path / "pytest.toml").write_text("[pytest]\nrm_source = 'hf:two'\n")
    assert IniFile.above(tmp_path).get("rm_source") == "hf:two"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "rm_source = x\n"),
        ("pyproject.toml", "[tool.pytest.ini_options\n"),
        ("setup.cfg", "[tool:pytest]\nrm_source = a\nrm_source = b\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path / name}: cannot be read (")):
        IniFile.above(tmp_path)


def test_a_misspelt_key_is_refused_unless_a_conftest_adds_it(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nrm_sorce = x\naddopts = -q\n")
    said = f"{tmp_path / 'pytest.ini'}: unknown key rm_sorce, did you mean 'rm_source'?"
    with pytest.raises(UsageError, match=re.escape(said)):
        IniFile.above(tmp_path).refuse_misspelt()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/conftest.py").write_text("parser.addini('rm_sorce', '')\n")
    IniFile.above(tmp_path).refuse_misspelt()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options]\nrm_seeds = 3\nrm_strict = true\n"),
        ("tox.ini", "[pytest]\nrm_seeds = 3\nrm_strict = true\n"),
        ("setup.cfg", "[tool:pytest]\nrm_seeds = 3\nrm_strict = true\n"),
    ],
)
def test_keys_in_a_file_that_is_not_read_are_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "pytest.ini").write_text("")  # configures pytest, even empty
    (tmp_path / name).write_text(text)
    said = f"{tmp_path / name}: rm_seeds and rm_strict have no effect, because pytest reads"
    with pytest.raises(UsageError, match=re.escape(said)):
        IniFile.above(tmp_path).refuse_misspelt()
    (tmp_path / "pytest.ini").unlink()
    IniFile.above(tmp_path).refuse_misspelt()


def test_the_keys_are_those_that_pytest_knows() -> None:
    assert set(KEYS) == {ini for ini, _, _ in OPTIONS.values()} | {
        "rm_baselines",
        "rm_strict",
        "rmcheck_files",
    }
