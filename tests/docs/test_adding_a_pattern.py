"""The worked example of a new pattern, carried out: what the page says is added to a copy, tested and played there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-pattern.md").read_text(encoding="utf-8")
BLOCKS = [(match[1], match[2]) for match in re.finditer(r"^```(\w+)[^\n]*\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
PATTERNS = Path("src/stormlab/scenario/patterns.py")

PLAY = """
import json, sys
from stormlab import sim
from stormlab.scenario import loader
result = sim.run(loader.load(sys.argv[1]), seed=1)
print(json.dumps({"ok": result.ok, "refused": result.series["failed.refused"].sum(), "module": loader.__file__}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources and the tests that they need, with the pattern added."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("src", "tests/policies", "tests/drivers"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.toml", "*.nb?"))
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, folder / name)
    _add(folder)
    return folder


def _add(folder: Path) -> None:
    (_, policy), (_, diff), (_, test), (_, scenario) = BLOCKS
    (folder / "src/stormlab/policies/cooldown.py").write_text(policy, encoding="utf-8")
    indented = "".join(f"    {line}" if line.strip() else line for line in test.splitlines(keepends=True))
    (folder / "tests/policies/test_cooldown.py").write_text(f"def test_it():\n{indented}", encoding="utf-8")
    (folder / "cooldown.toml").write_text(scenario, encoding="utf-8")
    _apply(diff, folder / PATTERNS)


def _apply(diff: str, path: Path) -> None:
    """Each added line goes behind the line that precedes it in the diff; after ``...``, behind the imports."""
    text, before = path.read_text(encoding="utf-8"), ""
    for line in diff.splitlines():
        if line.startswith("+"):
            anchor = f"\n{before}\n" if before else "\n)\n"
            assert text.count(anchor) >= 1, anchor
            at = text.rindex(anchor) if before.endswith("AdaptiveRate") else text.index(anchor)
            text = f"{text[: at + len(anchor)]}{line[1:]}\n{text[at + len(anchor) :]}"
        before = "" if line == "..." else line[1:]
    path.write_text(text, encoding="utf-8")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)


def test_nothing_was_touched_but_what_the_design_lists(copy: Path) -> None:
    theirs = {path.relative_to(copy) for path in (copy / "src").rglob("*.py")}
    ours = {path.relative_to(ROOT) for path in (ROOT / "src").rglob("*.py")}
    assert theirs - ours == {Path("src/stormlab/policies/cooldown.py")}
    changed = {path for path in theirs & ours if (copy / path).read_bytes() != (ROOT / path).read_bytes()}
    assert changed == {PATTERNS}


def test_the_contract_and_its_own_test_hold(copy: Path) -> None:
    which = ["tests/policies/test_contract.py", "tests/policies/test_cooldown.py", "-k", "Cooldown or cooldown"]
    done = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *which)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) >= 8


def test_a_scenario_can_name_it(copy: Path) -> None:
    done = run(copy, "-c", PLAY, "cooldown.toml")
    assert done.returncode == 0, done.stderr
    played = json.loads(done.stdout)
    assert Path(played["module"]).is_relative_to(copy)
    assert played["ok"] and played["refused"] > 100
