"""The code of `docs/sources.md` runs as it is printed there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .projects import Project, pairs, text_of

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"
CODE = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("code", CODE, ids=["function", "with a fingerprint", "two members"])
def test_each_conftest_of_the_page_gates_a_suite(code: str, project: Project) -> None:
    assert code.startswith("# conftest.py\n")
    project.write("conftest.py", code)
    project.suite("chat", {"check": "win_rate", "min": 0.9}, "score_gap", rows=pairs(40))
    result = project.run()
    # The model likes short answers, and the better ones are longer here.
    result.assert_outcomes(failed=2)
    assert "Traceback" not in text_of(result)
    check = project.checks()["chat::win_rate"]
    assert check["estimate"]["value"] == 0.0
    kept = project.record()["source"]["fingerprint"] is not None
    again = project.run()
    assert f"{0 if kept else 80} computed" in text_of(again)
    assert kept == ("fingerprint" in code)
