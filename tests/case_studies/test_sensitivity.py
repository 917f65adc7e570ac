"""Parameters varied one at a time: how ranges are found, and that the case studies say which they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stormlab.api.sensitivity import FILE, Finding, Vary, find, holds, read
from stormlab.errors import BadInput
from tools.sensitivity import CASES, RESULT, block, load

SCENARIO = """
title = "a test"
run = { duration = 60, warmup = 5 }
faults = [{ kind = "load-spike", target = "web", at = 20, for = 10, factor = 2 }]

[services.kv]
workers = 10
service_time = { kind = "fixed", mean = 0.1 }
queue = { limit = 0 }

[clients.web]
target = "kv"
arrivals = { kind = "paced", rate = 40 }

[[expect]]
name = "nobody is turned away"
measure = "success_ratio"
window = "fault"
min = 1.0

[[expect]]
name = "it recovers"
verdict = ["recovered", "unaffected"]
"""

#: Every range of every case for `make cases`; the suite plays the ends of the first one of each.
EVERY_RANGE = int(os.environ.get("CASE_SEEDS", "2")) > 2
STUDIES = sorted(path.parent for path in CASES.glob(f"*/{RESULT}"))
RANGES = [
    pytest.param(folder, index, id=f"{folder.name}-{vary.key}-{vary.variant or 'base'}")
    for folder in STUDIES
    for index, vary in enumerate(read(folder) if EVERY_RANGE else read(folder)[:1])
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / FILE).write_text(text, encoding="utf-8")


def test_the_own_value_is_among_those_that_are_played(folder: Path) -> None:
    write(folder, '[[vary]]\nkey = "faults.0.factor"\nvalues = [3, 1.5]\n')
    (vary,) = read(folder)
    assert vary.values == (1.5, 2, 3)


def test_a_range_ends_where_what_is_expected_no_longer_holds(folder: Path) -> None:
    """Ten workers of ten requests a second bear 2.4 times 40/s, and not three times as much."""
    write(folder, '[[vary]]\nkey = "faults.0.factor"\nvalues = [1.5, 2.4, 3, 4]\n')
    (vary,) = read(folder)
    told: list[tuple[float, int]] = []
    finding = find(vary, folder, [1, 2], lambda value, held: told.append((value, held)))
    assert finding.held == {1.5: 2, 2.0: 2, 2.4: 2, 3.0: 0, 4.0: 0}
    assert told == list(finding.held.items())
    assert finding.range == (1.5, 2.4)


def test_only_the_expectations_that_are_named_count(folder: Path) -> None:
    vary = Vary(key="faults.0.factor", values=(4,), only=("it recovers",), set={"run.duration": 70})
    assert holds(vary, folder, 4, [1]) == 1
    assert vary.at(folder, 4).run.duration == 70
    with pytest.raises(BadInput, match="does not expect all of"):
        Vary(key="faults.0.factor", values=(4,), only=("it flies",), set={}).at(folder, 4)


def test_a_range_has_no_gap() -> None:
    finding = Finding(key="x", variant="", own=2, seeds=3, held={1: 3, 2: 3, 3: 2, 4: 3})
    assert finding.range == (1, 2)
    assert Finding(key="x", variant="", own=3, seeds=3, held={1: 3, 3: 2}).range is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[varied]]\n", "varied: there are only tables"),
        ('[[vary]]\nkey = "faults.0.factor"\nvalue = [1]\nvalues = [1]\n', "value: a table holds key, only, set"),
        ('[[vary]]\nkey = "title"\nvalues = [1]\n', "only numbers can be varied, not 'a test'"),
    ],
)
def test_a_mistake_is_told(folder: Path, text: str, message: str) -> None:
    write(folder, text)
    with pytest.raises(BadInput, match=message):
        read(folder)


def test_every_case_study_says_over_which_range_it_holds() -> None:
    assert sorted(path.parent for path in CASES.glob("*/scenario.toml")) == STUDIES


@pytest.mark.parametrize("study", STUDIES, ids=lambda folder: folder.name)
def test_what_is_told_was_played_with_these_values(study: Path) -> None:
    findings = load(study)
    assert block(findings) in (study / "README.md").read_text(encoding="utf-8")
    said = [(vary.key, vary.variant, list(vary.values), vary.own(study)) for vary in read(study)]
    assert [(one.key, one.variant, sorted(one.held), one.own) for one in findings] == said
    assert all(one.range is not None for one in findings), "what a case claims holds at its own values"


@pytest.mark.parametrize(("study", "index"), RANGES)
def test_it_holds_at_the_ends_of_its_range(study: Path, index: int) -> None:
    span = load(study)[index].range
    assert span is not None
    for end in set(span):
        assert holds(read(study)[index], study, end, [1]) == 1
