"""One reader of settings: pytest and the commands take the same values, and refuse the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from rmcheck.documents.ini import IniFile
from rmcheck.engine.settings import Options, Settings, option, settings_from
from rmcheck.errors import UsageError
from rmcheck.plugin.hooks import OPTIONS
from rmcheck.plugin.settings import settings_of
from rmcheck.progress import NoProgress

SILENT = NoProgress()
Values = Mapping[str, str | list[str]]

WHOLE = {
    "rm_source": "hf:one", "rm_baseline": "spring", "rm_report": "out", "rm_device": "cpu",
    "rm_dtype": "float16", "rm_cache": "kept", "rm_seed": "7", "rm_examples": "9",
    "rm_baselines": "blessed", "rmcheck_files": "gates/*.yaml !gates/draft.yaml",
}  # fmt: skip


def test_nothing_asked_gives_the_defaults(tmp_path: Path) -> None:
    found = settings_from(IniFile(tmp_path), Options(), progress=SILENT)
    assert found == Settings.below(tmp_path, progress=SILENT, source_named=False)


def test_every_key_of_the_ini_file_counts(tmp_path: Path) -> None:
    found = settings_from(IniFile(tmp_path, values=WHOLE), Options(), progress=SILENT)
    assert found == Settings(
        root=tmp_path,
        progress=SILENT,
        source="hf:one",
        baseline="spring",
        report=tmp_path / "out",
        device="cpu",
        dtype="float16",
        cache=tmp_path / "kept",
        seed=7,
        examples=9,
        baselines=tmp_path / "blessed",
        files=("gates/*.yaml", "!gates/draft.yaml"),
    )


def test_an_option_comes_before_its_key_and_its_path_starts_from_here(tmp_path: Path) -> None:
    here = tmp_path / "deep"
    given = {"rm_cache": "mine", "rm_baselines": None, "rm_seed": "1"}
    found = settings_from(IniFile(tmp_path, values=WHOLE), Options(given, here))
    assert (found.cache, found.baselines) == (here / "mine", tmp_path / "blessed")
    assert (found.seed, found.examples) == (1, 9)
    assert found.named("run") == here / "run"
    assert Settings.below(tmp_path).named("run") == tmp_path / "run"


REFUSED: dict[str, tuple[Values, Mapping[str, str], str]] = {
    "empty": ({}, {"rm_source": " "}, "--rm is empty (is a variable unset?)"),
    "seed": ({}, {"rm_seed": "1.5"}, "--rm-seed='1.5': expected a whole number of at least 0"),
    "seed key": ({"rm_seed": "x"}, {}, "rm_seed='x': expected a whole number of at least 0"),
    "examples": (
        {"rm_examples": "0"},
        {},
        "rm_examples='0': expected a whole number of at least 1",
    ),
    "dtype": ({}, {"rm_dtype": "float23"}, "--rm-dtype='float23': did you mean 'float32'?"),
    "dtype key": ({"rm_dtype": "f16"}, {}, "rm_dtype='f16': "),
    "device": ({}, {"rm_device": "gpu"}, "--rm-device='gpu': unknown device; did you mean 'cuda'?"),
    "device key": ({"rm_device": "cuda:x"}, {}, "rm_device='cuda:x': unknown device; did you mean"),
    "device name": ({"rm_device": "nowhere"}, {}, "rm_device='nowhere': unknown device; (cpu, "),
    "a file": ({"rm_cache": "file"}, {}, "rm_cache file is a file; choose a directory"),
    "a list": (
        {"rm_source": ["a", "b"]},
        {},
        "rm_source = ['a', 'b']: expected one value, got a list",
    ),
    "lone mark": (
        {"rmcheck_files": "! a.yaml"},
        {},
        "rmcheck_files: '!' is not followed by a",
    ),
    "quotes": ({"rmcheck_files": "'a.yaml"}, {}, "rmcheck_files = 'a.yaml: No closing quotation"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_means_nothing_is_refused(tmp_path: Path, case: str) -> None:
    values, given, said = REFUSED[case]
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=f"^{re.escape(said)}"):
        settings_from(IniFile(tmp_path, values=values), Options(given))


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", "mps", "xpu:0", "meta"])
def test_devices_are_called_as_torch_calls_them(tmp_path: Path, device: str) -> None:
    found = settings_from(IniFile(tmp_path), Options({"rm_device": device}))
    assert found.device == device


def test_pytest_and_commands_read_the_same(pytester: pytest.Pytester) -> None:
    lines = "".join(f"{key} = {value}\n" for key, value in WHOLE.items())
    pytester.makeini(f"[pytest]\n{lines}")
    theirs = settings_of(pytester.parseconfig())
    ours = settings_from(IniFile.above(pytester.path), Options(), progress=theirs.progress)
    assert ours == theirs
    assert ours.device == "cpu"


def test_pytest_is_told_of_a_bad_key_as_of_a_bad_option(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nrm_seed = x\n")
    with pytest.raises(
        pytest.UsageError, match=r"^rm_seed='x': expected a whole number of at least 0$"
    ):
        settings_of(pytester.parseconfig())


def test_options_are_called_as_pytest_calls_them() -> None:
    assert {option(key): key for key, _, _ in OPTIONS.values()} == {
        name: key for name, (key, _, _) in OPTIONS.items()
    }
