"""A package of an extra that is not there: who says what, and what is not taken for it."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from rmcheck.data.hub import load_data
from rmcheck.errors import ExtraMissing
from rmcheck.extras import GGUF, MODELS, missing, needed_by


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `datasets` and `gguf` were not installed."""
    for name in ("datasets", "gguf"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("without")
def test_what_is_missing_is_found_without_an_import() -> None:
    assert missing(MODELS) == ["datasets"]
    assert missing(GGUF) == ["gguf"]


@pytest.mark.usefixtures("without")
def test_the_message_names_what_needs_it_and_what_brings_it() -> None:
    with pytest.raises(ExtraMissing) as caught:
        load_data("some/pairs")
    assert str(caught.value) == (
        "data set 'some/pairs' needs packages that are not installed (datasets); "
        "install them: pip install 'rmcheck[models]'"
    )
    assert str(caught.value.again()) == (
        "data set 'some/pairs' needs rmcheck[models], which is not installed"
    )


@pytest.mark.usefixtures("without")
def test_a_gguf_file_asks_for_the_extra_that_reads_it(tmp_path: Path) -> None:
    from rmcheck.scoring.files import ModelFiles
    from rmcheck.scoring.loading import load_base, load_tokenizer

    files = ModelFiles(str(tmp_path), tmp_path)
    told = r"^the GGUF file a\.gguf needs .* \(gguf\); install them: pip install 'rmcheck\[gguf\]'$"
    with pytest.raises(ExtraMissing, match=told):
        load_tokenizer(files, "a.gguf")
    with pytest.raises(ExtraMissing, match=told):
        load_base(files, seed=0, gguf_file="a.gguf")


@pytest.mark.parametrize("name", ["rmcheck_no_such_package", "datasets.no_such_module"])
def test_any_other_missing_module_stays_what_it_is(name: str) -> None:
    # The second is of a package that is installed: another version would not help to install.
    with pytest.raises(ModuleNotFoundError, match=re.escape(name)), needed_by("a model"):
        importlib.import_module(name)
