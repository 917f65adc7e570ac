"""Dashboards, rules and alerts: useful, complete, linked, and accepted by the tools of Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard
from grafana_foundation_sdk.models.dashboard import Panel as GrafanaPanel

from dashboards.generate import DASHBOARDS, RULES, pages
from dashboards.panels import build
from dashboards.rules import compressed, groups
from stormlab.telemetry import names
from tests.conftest import ROOT, find_program, skip_without

PAGES = {page.uid: page for page in pages()}
VOCABULARY = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}


@pytest.fixture(scope="module")
def promtool() -> Path:
    found = find_program("promtool")
    if found is None:
        skip_without("promtool", remedy="run `make real-parts`, or `apt-get install prometheus`")
    return found


def alerts() -> list[dict[str, Any]]:
    return [rule for group in groups()["groups"] for rule in group["rules"] if "alert" in rule]


def queries() -> list[tuple[str, str]]:
    return [(page.uid, query.expr) for page in PAGES.values() for panel in page.panels for query in panel.queries]


def test_the_six_dashboards_are_there() -> None:
    assert set(PAGES) == {"resilience", "services", "key-value", "runtime", "load-test", "chaos"}


@pytest.mark.parametrize("uid", PAGES)
def test_every_panel_says_what_good_looks_like(uid: str) -> None:
    for panel in build(PAGES[uid]).panels or ():
        assert isinstance(panel, GrafanaPanel)
        assert (panel.description or "").startswith("Good: ") and len(panel.description or "") > 10


@pytest.mark.parametrize("uid", PAGES)
def test_fault_windows_are_drawn_and_the_others_are_linked(uid: str) -> None:
    made = build(PAGES[uid])
    assert [query.expr for query in made.annotations.list_val or ()] == [
        f"max by (fault, kind, service) ({names.FAULT_ACTIVE}) > 0"
    ]
    assert {link.title for link in made.links or ()} == {"stormlab", "Traces"}


@pytest.mark.parametrize("path", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.stem)
def test_the_committed_file_is_one_that_grafanas_own_model_reads(path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    made = GrafanaDashboard.from_json(body)
    assert made.uid == f"stormlab-{path.stem}"
    assert len(made.panels or ()) == len(PAGES[path.stem].panels)


@pytest.mark.parametrize("uid", PAGES)
def test_panels_do_not_overlap(uid: str) -> None:
    spots = sorted((p.grid_pos.y, p.grid_pos.x, p.grid_pos.w) for p in build(PAGES[uid]).panels or () if p.grid_pos)
    assert all(a[0] < b[0] or a[1] + a[2] <= b[1] for a, b in pairwise(spots))


@pytest.mark.parametrize(("uid", "expr"), queries())
def test_queries_use_names_of_the_vocabulary(uid: str, expr: str) -> None:
    used = set(re.findall(r"\bstormlab_\w+|\bmemory_usage_bytes\b", expr))
    assert {name.removesuffix("_bucket") for name in used} <= VOCABULARY


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_links_a_runbook_that_names_it(alert: dict[str, Any]) -> None:
    page = ROOT / alert["annotations"]["runbook_url"]
    assert page.read_text(encoding="utf-8").startswith(f"# {alert['alert']}\n")


def test_rules_for_a_faster_world_are_the_same_rules_with_shorter_windows() -> None:
    usual, fast = alerts(), compressed(groups(), 4)["groups"][1]["rules"]
    assert [rule["alert"] for rule in fast] == [rule["alert"] for rule in usual]
    collapse = next(rule for rule in fast if rule["alert"] == "GoodputCollapse")
    assert collapse["for"] == "1250ms"
    assert "(edge:goodput:rate10s[15000ms] offset 15000ms)" in collapse["expr"]
    assert compressed(groups(), 1)["groups"][0]["rules"][0]["expr"].endswith("[10000ms]))")


@pytest.mark.real
def test_promtool_agrees_with_the_rules_for_a_faster_world(promtool: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(compressed(groups(), 4)))
    done = subprocess.run([promtool, "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real
@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", str(RULES)],
        ["check", "config", str(RULES.with_name("prometheus.yml"))],
        ["test", "rules", str(Path(__file__).with_name("rules.test.yml"))],
    ],
    ids=["rules", "config", "behaviour"],
)
def test_promtool_agrees(promtool: Path, arguments: list[str]) -> None:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
