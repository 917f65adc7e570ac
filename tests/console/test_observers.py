"""The configurations of Prometheus and Jaeger for a stack of processes, and which programs take part."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from stormlab.console import program, site
from stormlab.console.observers import jaeger, prometheus, scrapes
from stormlab.console.parts import Wanted
from stormlab.console.program import Options
from stormlab.console.site import Ports, ports_from
from stormlab.errors import BadInput
from stormlab.live import programs
from tests.conftest import ROOT, find_program, skip_without

NOWHERE = Path("/nowhere")


def test_the_rules_of_the_checkout_are_evaluated() -> None:
    rules = ROOT / "deploy" / "prometheus" / "rules.yml"
    assert scrapes(ROOT, Ports())["rule_files"] == [str(rules)] and rules.is_file()


def test_global_settings_are_those_of_the_checkout() -> None:
    there = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert scrapes(ROOT, Ports())["global"] == there["global"]


def test_ports_are_those_of_the_stack(tmp_path: Path) -> None:
    made = prometheus(NOWHERE, root=ROOT, folder=tmp_path, places=ports_from(30000), rules=None)
    assert "--web.listen-address=127.0.0.1:30011" in made.command and made.port == 30011
    text = (tmp_path / "prometheus.yml").read_text()
    assert "http://127.0.0.1:30000/api/targets" in text and "127.0.0.1:30001" in text
    traces = jaeger(NOWHERE, root=ROOT, places=ports_from(30000))
    assert traces.env == {
        "JAEGER_QUERY": "127.0.0.1:30012",
        "JAEGER_GRPC": "127.0.0.1:30013",
        "JAEGER_OTLP": "127.0.0.1:30014",
    }


def test_jaeger_listens_where_the_environment_says_and_nowhere_else() -> None:
    path = Path(jaeger(NOWHERE, root=ROOT, places=Ports()).command[-1])
    tree = yaml.safe_load(path.read_text())
    query = tree["extensions"]["jaeger_query"]
    ends = [query["http"], query["grpc"], tree["receivers"]["otlp"]["protocols"]["http"]]
    names = ("JAEGER_QUERY", "JAEGER_GRPC", "JAEGER_OTLP")
    assert [one["endpoint"] for one in ends] == [f"${{env:{name}}}" for name in names]
    assert set(tree["receivers"]) == {"otlp"} and set(tree["extensions"]) == {"jaeger_query", "jaeger_storage"}


@pytest.mark.real
@pytest.mark.parametrize("own", [False, True], ids=["rules of the checkout", "rules of one's own"])
def test_promtool_accepts_the_configuration(tmp_path: Path, own: bool) -> None:  # noqa: FBT001
    promtool = find_program("promtool")
    if promtool is None:
        skip_without("promtool", remedy="run `make real-parts`, or `apt-get install prometheus`")
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"groups": [{"name": "mine", "rules": [{"record": "a:b", "expr": "up"}]}]}))
    prometheus(NOWHERE, root=ROOT, folder=tmp_path, places=Ports(), rules=rules if own else None)
    command = [str(promtool), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and ("1 rules found" if own else "15 rules found") in done.stdout, done.stdout


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find", lambda name: None)


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(
    ("options", "name"),
    [
        (Options(prometheus=True), "prometheus"),
        (Options(jaeger=True), "jaeger"),
        (Options(proxy="toxiproxy"), "toxiproxy-server"),
    ],
    ids=["prometheus", "jaeger", "toxiproxy"],
)
def test_what_is_demanded_and_missing_is_refused_with_the_remedy(options: Options, name: str) -> None:
    with pytest.raises(BadInput, match=f"{name} is neither on PATH nor in .tools/bin: run `make real-parts`"):
        options.wanted()


@pytest.mark.usefixtures("nothing_installed")
def test_nothing_is_started_when_something_demanded_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(site.ENVIRONMENT, str(tmp_path / "stack.json"))
    monkeypatch.setattr(program, "Parts", lambda *arguments: pytest.fail("parts were made"))
    with pytest.raises(BadInput, match="jaeger is neither"):
        program.up(Options(proxy="embedded", jaeger=True), say=lambda line: pytest.fail(line))
    assert not (tmp_path / "stack.json").exists()


@pytest.mark.usefixtures("nothing_installed")
def test_what_is_not_demanded_is_left_out() -> None:
    wanted = Options(proxy="embedded").wanted()
    assert wanted == Wanted()
    assert wanted.left_out() == {"prometheus", "jaeger", "jaeger_grpc", "otlp"}


def test_what_is_found_takes_part_unless_it_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find", lambda name: NOWHERE / name)
    assert Options(proxy="embedded").wanted().prometheus == NOWHERE / "prometheus"
    forbidden = Options(proxy="embedded", prometheus=False, jaeger=False).wanted()
    assert (forbidden.prometheus, forbidden.jaeger) == (None, None)


def test_ports_of_what_is_left_out_need_not_be_free() -> None:
    places = Ports()
    without = places.all(without=Wanted().left_out())
    assert set(places.all()) - set(without) == {9090, 16686, 16685, 4318}
