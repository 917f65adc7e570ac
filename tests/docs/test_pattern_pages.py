"""Every policy has a page, every page the same sections, and the defaults that it prints are those of the code."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from stormlab import policies
from stormlab.policies import breaker, health_check, idempotency, outlier
from stormlab.policies.states import mermaid
from stormlab.scenario.model import Queue

PATTERNS = Path(__file__).parents[2] / "docs" / "patterns"
PAGES = sorted(PATTERNS.glob("*.md"))
SECTIONS = [
    "What it does",
    "When to use",
    "Parameters and defaults",
    "Events",
    "Patterns",
    "Anti-patterns",
    "Source",
]
CONFIGS: list[Any] = [
    config
    for name in policies.__all__
    if dataclasses.is_dataclass(config := getattr(policies, name)) and name != "Scope"
]


def rows(text: str) -> dict[str, dict[str, str]]:
    """Parameter and default by kind of policy, as the tables of the pages print them."""
    found: dict[str, dict[str, str]] = {}
    kind = ""
    for cells in re.findall(r"^\| (?:(`\S+`) )?\| (.*?) ?\| (.*?) ?\| .* \|$", text, re.MULTILINE):
        names, parameters, defaults = (re.findall(r"[^`,\s]+", cell) for cell in cells)
        kind = names[0] if names else kind
        found.setdefault(kind, {}).update(zip(parameters, defaults, strict=True))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_sections_are_the_same_everywhere(page: Path) -> None:
    headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert [heading for heading in headings if heading != "States"] == SECTIONS


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_the_defaults_are_those_of_the_code(config: Any) -> None:
    documented = rows("\n".join(page.read_text(encoding="utf-8") for page in PAGES))
    made = config()
    fields = {field.name: getattr(made, field.name) for field in dataclasses.fields(config) if field.name != "kind"}
    printed = {name: str(getattr(value, "kind", value)) for name, value in fields.items()}
    assert documented[made.kind] == printed


@pytest.mark.parametrize(
    ("page", "transitions", "start"),
    [
        ("circuit-breaker", breaker.TRANSITIONS, breaker.State.CLOSED),
        ("outlier-ejection", outlier.TRANSITIONS, outlier.Place.IN_ROTATION),
        ("health-check", health_check.TRANSITIONS, health_check.Condition.HEALTHY),
    ],
)
def test_the_diagram_is_drawn_from_the_table(page: str, transitions: Any, start: str) -> None:
    text = (PATTERNS / f"{page}.md").read_text(encoding="utf-8")
    table = {(str(before), str(signal)): str(after) for (before, signal), after in transitions.items()}
    assert f"```mermaid\n{mermaid(table, start)}\n```" in text


def test_the_states_of_an_idempotency_key_are_drawn_from_their_table() -> None:
    page = (PATTERNS / "idempotency.md").read_text(encoding="utf-8")
    table = {(str(before), signal): str(after) for (before, signal), after in idempotency.TRANSITIONS.items()}
    assert f"```mermaid\n{mermaid(table, idempotency.State.UNKNOWN)}\n```" in page


def test_the_defaults_of_the_queue_are_those_of_the_scenario() -> None:
    page = (PATTERNS / "queue-discipline.md").read_text(encoding="utf-8")
    printed = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \| [^|]* \|$", page, re.MULTILINE))
    assert {name: printed[name] for name in Queue.model_fields} == {k: str(v) for k, v in Queue().model_dump().items()}
