"""What a really installed package adds, and what one costs that is broken."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from plugin.projects import jsonl, pairs

pytestmark = pytest.mark.ci

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "tests" / "example_package"
PAGE = ROOT / "docs" / "extend.md"


@dataclass(frozen=True)
class Place:
    """A project, and a folder of installed packages on the path of its commands."""

    root: Path
    packages: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command with this interpreter."""
        path = os.pathsep.join([str(self.packages), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "300"}
        environment.pop("CI", None)
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.root, env=environment, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip

    def rmcheck(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = "import sys; from rmcheck.cli import main; sys.exit(main())"
        return self.run("-c", program, *arguments)

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "pytest", "-p", "no:cacheprovider", *arguments)


def install(target: Path, *sources: Path) -> Path:
    """Build and install packages into a folder, from nothing but what is on this machine."""
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(target), *map(str, sources)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


def package(folder: Path, name: str, points: Mapping[str, Mapping[str, str]], code: str) -> Path:
    """The source of a package with one module, of its own name."""
    lines = [
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"',
        f'[project]\nname = "{name}"\nversion = "0.5"',
    ]
    for group, members in points.items():
        lines.append(f'[project.entry-points."{group}"]')
        lines += [f'{point} = "{name}{value}"' for point, value in members.items()]
    (folder / name / name).mkdir(parents=True)
    (folder / name / "pyproject.toml").write_text("\n".join(lines) + "\n")
    (folder / name / name / "__init__.py").write_text(textwrap.dedent(code))
    return folder / name


SUITE = """\
rmcheck: 1
name: chat
data: chat.jsonl
checks:
  - {check: win_rate, min: 0.5}
"""


def project(folder: Path, packages: Path, *checks: str) -> Place:
    suites = folder / "suites"
    suites.mkdir()
    (suites / "chat.jsonl").write_text(jsonl(pairs(30)))
    (suites / "chat.yaml").write_text(SUITE + "".join(f"  - {check}\n" for check in checks))
    (folder / "pytest.ini").write_text("[pytest]\nrm_source = words:careful\n")
    return Place(folder, packages)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the example package is installed."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source")
    return install(folder / "packages", folder / "source")


BROKEN_CODE = """
    from dataclasses import dataclass
    from typing import ClassVar
    from rmcheck.checks import Check

    number = 5

    @dataclass(frozen=True, kw_only=True)
    class Nameless(Check):
        pass

    @dataclass(frozen=True, kw_only=True)
    class Other(Check):
        kind: ClassVar[str] = "other"

    @dataclass(frozen=True, kw_only=True)
    class Twin(Check):
        kind: ClassVar[str] = "twin"

    @dataclass(frozen=True, kw_only=True)
    class Strange(Check):
        kind: ClassVar[str] = "strange"
        key: "Missing" = None

    def create(rest, options):
        if rest == "raises":
            raise KeyError(rest)
        return object()

    class Loud:
        file_name = "loud.txt"

        def render(self, report):
            raise ZeroDivisionError("no runs")

    class Taken:
        file_name = "results.json"

        def render(self, report):
            return ""
"""
BROKEN_POINTS = {
    "rmcheck.checks": {
        "gone": ".gone:Check",
        "number": ":number",
        "nameless": ":Nameless",
        "renamed": ":Other",
        "twin": ":Twin",
        "strange": ":Strange",
        "win_rate": ":Other",
    },
    "rmcheck.sources": {"odd": ":create", "lost": ":absent"},
    "rmcheck.losses": {"flat": ":number"},
    "rmcheck.reports": {"loud": ":Loud", "taken": ":Taken"},
    "rmcheck.transformations": {"turned": ":number", "blank_ends": ":Other"},
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package beside one that is broken in every way, and one that rivals it."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(EXAMPLE, folder / "source")
    sources = [
        folder / "source",
        package(folder, "cracked", BROKEN_POINTS, BROKEN_CODE),
        package(folder, "rival", {"rmcheck.checks": {"twin": ":Twin"}}, BROKEN_CODE),
    ]
    return install(folder / "packages", *sources)


@pytest.mark.slow
def test_list_and_schema_show_what_a_package_adds(example: Path, tmp_path: Path) -> None:
    place = Place(tmp_path, example)
    said = place.rmcheck("list")
    assert (said.returncode, said.stderr) == (0, "")
    for line in (
        r"clear_wins +The share of pairs won by a clear margin is at least `min`\.",
        r"words +Counts words in a response: `words:please,thanks`\.",
        r"exponential +exp\(margin - \(chosen - rejected\)\): exponential in the error\.",
        r"csv +The checks of a run as a table: `verdicts\.csv`\.",
    ):
        assert re.search(rf"^  {line}$", said.stdout, re.MULTILINE), line
    said = place.rmcheck("list", "--transformations")
    line = r"    shouted +The whole response in capitals; strength has no effect\."
    assert re.search(rf"^{line}$", said.stdout, re.MULTILINE)
    (tmp_path / "a.jsonl").write_text(jsonl(pairs(1)))
    said = place.rmcheck("perturb", "shouted", "--data", "a.jsonl", "--id", pairs(1)[0]["id"])
    assert f"  | {pairs(1)[0]['chosen'].upper()}" in said.stdout.splitlines()
    said = place.rmcheck("schema")
    assert said.stderr == ""
    keys = json.loads(said.stdout)["definitions"]["clear_wins"]["properties"]
    assert keys["clear"]["description"].startswith("A margin is clear")


def test_gate_and_report_use_what_a_package_adds(example: Path, tmp_path: Path) -> None:
    place = project(tmp_path, example, "{check: clear_wins, min: 0.6}")
    said = place.pytest("suites")
    assert said.returncode == 0, said.stdout
    assert "2 passed" in said.stdout
    run = tmp_path / "reports/latest"
    found = json.loads((run / "results.json").read_text())
    assert found["source"]["spec"] == "words:careful"
    assert found["source"]["fingerprint"] == "words-1:careful"
    table = (run / "verdicts.csv").read_text().splitlines()
    assert table == [
        "check,outcome,estimate", "chat::win_rate,pass,1.0", "chat::clear_wins,pass,1.0",
    ]  # fmt: skip
    page = (run / "index.html").read_text()
    assert "How often the better answer wins by a clear margin." in page

    (run / "verdicts.csv").unlink()
    said = place.rmcheck("report")
    assert (said.returncode, said.stderr) == (0, "")
    assert "verdicts.csv" in said.stdout
    assert (run / "verdicts.csv").read_text().splitlines() == table
    # Two members are enough for the cache, too: the second run scores nothing.
    assert "0 computed" in place.pytest("suites").stdout


def test_a_recipe_may_name_the_loss_of_a_package(example: Path, tmp_path: Path) -> None:
    recipe = "recipe: 1\nbase: shipped:models/tiny-gpt2\ndata: a.jsonl\nloss: {}\n"
    for loss in ("exponential", "exponentail", "hinge"):
        (tmp_path / f"{loss}.yaml").write_text(recipe.format(loss))
    (tmp_path / "a.jsonl").write_text(jsonl(pairs(5)))
    program = (
        "import sys; from pathlib import Path; import torch\n"
        "from rmcheck.scoring.files import FileHashes\n"
        "from rmcheck.training import recipe, recipe_file\n"
        "from rmcheck.training.losses import LOSSES\n"
        "print(LOSSES.find('exponential')(torch.ones(2), torch.zeros(2), torch.zeros(2)))\n"
        "asked = []\n"
        "recipe.content_hash = lambda *parts: asked.append(parts) or 'f'\n"
        "for name in sys.argv[1:]:\n"
        "    recipe_file.load_recipe(name, Path.cwd()).fingerprint(FileHashes(Path('cache')))\n"
        "    print([pair for pair in asked[-1][-1] if pair[0] == Path(name).stem])"
    )
    said = Place(tmp_path, example).run("-c", program, "exponential.yaml", "hinge.yaml")
    assert said.returncode == 0, said.stderr
    first, package, ours = said.stdout.splitlines()
    assert first == "tensor([0.3679, 0.3679])"  # 1/e
    assert package == "[('exponential', 'rmcheck-example 1.0')]"
    assert ours == "[]"
    said = Place(tmp_path, example).rmcheck("train", "exponentail.yaml")
    assert said.returncode == 4
    assert "did you mean 'exponential'? (allowed: bradley_terry, " in said.stderr


def test_what_a_package_adds_keeps_its_promises(example: Path, tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n# test_example\.py\n(.*?)```", page, re.DOTALL)
    (tmp_path / "test_example.py").write_text(code)
    said = Place(tmp_path, example).pytest("-q", "test_example.py")
    assert "2 passed" in said.stdout, said.stdout


def test_the_page_shows_the_very_package_that_is_tested() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = dict(re.findall(r"```(?:python|toml)\n# ([\w./]+)\n(.*?)```", page, re.DOTALL))
    shown.pop("test_example.py")
    files = {
        path.relative_to(EXAMPLE).as_posix(): path.read_text(encoding="utf-8")
        for path in EXAMPLE.rglob("*")
        if path.suffix in (".py", ".toml") and path.name != "__init__.py"
    }
    assert shown == files


ERRORS = {
    "gone": "cracked 0.5: entry point 'gone' (rmcheck.checks): ModuleNotFoundError: ",
    "number": "(rmcheck.checks): expected a subclass of rmcheck.checks.Check, got int 5; ",
    "nameless": "class Nameless has no kind; add kind: ClassVar[str] = 'nameless'; ",
    "renamed": "class Other: expected kind = 'renamed' as the entry point is named, got 'other'; ",
    "twin": "(rmcheck.checks): rival 0.5 registers the same name; ",
    "strange": "(rmcheck.checks): NameError: name 'Missing' is not defined; ",
    "win_rate": "this is the name of a built-in kind; choose another name; ",
    "lost": "(rmcheck.sources): AttributeError: module 'cracked' has no attribute 'absent'; ",
    "flat": "(rmcheck.losses): expected a function (chosen, rejected, margin) -> losses, got int",
    "turned": "(rmcheck.transformations): expected an rmcheck.perturb.Transformation",
    "blank_ends": "this is the name of a built-in kind; choose another name; ",
    "taken": "(rmcheck.reports): file_name 'results.json' is used by rmcheck; choose another; ",
}


def test_list_and_schema_tell_each_broken_entry_point_once(broken: Path, tmp_path: Path) -> None:
    place = Place(tmp_path, broken)
    said = place.rmcheck("list")
    assert said.returncode == 0
    assert "Traceback" not in said.stderr
    lines = said.stderr.splitlines()
    assert len(lines) == len(ERRORS)
    for name, text in ERRORS.items():
        (line,) = (line for line in lines if f"entry point '{name}'" in line)
        assert text in line, name
        assert line.startswith(("rmcheck list: cracked 0.5: ", "rmcheck list: rival 0.5: "))
        assert line.endswith("; fix, update or uninstall that package")
    for kind in ("win_rate", "clear_wins", "words", "exponential", "csv", "hinge"):
        assert f"\n  {kind} " in said.stdout, kind
    for name in set(ERRORS) - {"win_rate"}:
        assert f"\n  {name} " not in said.stdout

    said = place.rmcheck("schema")
    assert said.returncode == 0
    kinds = json.loads(said.stdout)["definitions"]
    assert {"win_rate", "clear_wins"} <= set(kinds)
    assert not {"gone", "nameless", "strange", "twin"} & set(kinds)
    assert len(said.stderr.splitlines()) == 7
    assert "entry point 'flat'" in place.rmcheck("schema", "recipe").stderr


def test_a_broken_kind_is_an_error_at_its_line(broken: Path, tmp_path: Path) -> None:
    names = ("gone", "number", "nameless", "renamed", "twin", "strange")
    place = project(tmp_path, broken, *(f"{{check: {name}}}" for name in names))
    said = place.pytest("suites")
    assert said.returncode in (2, 3)
    assert "Traceback" not in said.stdout
    for line, name in enumerate(names, start=6):
        assert f"suites/chat.yaml:{line}:13: check '{name}' cannot be used: " in said.stdout
        assert ERRORS[name] in said.stdout


@pytest.mark.slow
def test_what_is_broken_costs_nothing_else(broken: Path, tmp_path: Path) -> None:
    place = project(tmp_path, broken, "{check: clear_wins, min: 0.6}")
    (tmp_path / "reports/latest").mkdir(parents=True)
    (tmp_path / "reports/latest/loud.txt").write_text("of an earlier run")
    said = place.pytest("suites")
    assert said.returncode == 0, said.stdout
    assert "2 passed" in said.stdout
    remarks = [line for line in said.stdout.splitlines() if "entry point" in line]
    assert len(remarks) == 2
    assert "entry point 'loud' (rmcheck.reports): ZeroDivisionError: no runs; fix" in remarks[1]
    assert "entry point 'taken'" in remarks[0]
    files = {path.name for path in (tmp_path / "reports/latest").iterdir()}
    assert {"index.html", "summary.md", "verdicts.csv", "results.json"} <= files
    assert "loud.txt" not in files
    said = place.rmcheck("report")
    assert said.returncode == 0
    assert len(said.stderr.splitlines()) == 2


BROKEN_SOURCES = {
    "odd:x": "odd:x: object is not a reward source, score and fingerprint missing; a source",
    "odd:raises": "cracked 0.5: entry point 'odd' (rmcheck.sources): KeyError: 'raises'; fix",
    "lost:x": "entry point 'lost' (rmcheck.sources): AttributeError",
    "words:a,,b": "words:a,,b: expected words with commas between",
}


def test_a_broken_source_is_one_line(broken: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from rmcheck.cli import main\n"
        "for spec in sys.argv[1:]: print(main(['try', 'Why?', 'a', 'b', '--rm', spec]))"
    )
    done = Place(tmp_path, broken).run("-c", program, *BROKEN_SOURCES)
    assert done.stdout.split() == ["4"] * len(BROKEN_SOURCES), done.stderr
    lines = done.stderr.splitlines()
    for line, said in zip(lines, BROKEN_SOURCES.values(), strict=True):
        assert line.startswith("rmcheck try: ")
        assert said in line
