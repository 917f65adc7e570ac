"""A retry storm in front of the real Prometheus, Jaeger and Toxiproxy: every panel has data, the alerts fire and clear,
exemplars lead to traces. Rules run at a quarter of their windows and the scenario half as fast again, to be short."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards.generate import DASHBOARDS
from dashboards.rules import compressed, groups
from stormlab.scenario import loader
from tests.conftest import find_program, skip_without
from tests.console.test_stack import block_of_ports, environment, wait_until_ready
from tools.waiting import wait_for

pytestmark = [pytest.mark.live, pytest.mark.real, pytest.mark.timeout(600)]
HASTE, SPEED = 4, 1.5
WEB = httpx.Client(timeout=60)
#: Long enough after the rescue for the slowest alert to clear, with some failing requests for the chaos dashboard; and
#: long enough between the spike and the rescue, in s of the rules' own haste, for somebody to suspect metastability.
MORE = (
    "run.duration=84",
    f"run.live_speed={SPEED}",
    "expect=[]",
    """faults=[
        {name="spike", kind="load-spike", target="web", at=12, for=10, factor=3},
        {name="hiccup", kind="error", target="kv", at=76, for=6, probability=0.2, status=500},
    ]""",
)
TOXIPROXYS = {f"toxiproxy_proxy_{word}_bytes_total no help text" for word in ("received", "sent")}
EXPECTED = {"FastBurn", "SlowBurn", "Amplification", "GoodputCollapse", "SuspectedMetastability"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What is left to be asked after the storm, from ``began`` to ``ended`` in s since the epoch."""

    console: str
    prometheus: str
    jaeger: str
    began: float
    ended: float
    result: Mapping[str, Any]

    def series(self, expr: str) -> list[dict[str, Any]]:
        """What Grafana would draw: the range query over the whole storm, a step a second."""
        window = {"start": self.began, "end": self.ended, "step": 1}
        return self._ask("/api/v1/query_range", query=expr, **window)["result"]  # type: ignore[no-any-return]

    def exemplars(self, metric: str) -> list[str]:
        """Trace ids, the latest first."""
        found = self._ask("/api/v1/query_exemplars", query=metric, start=self.began, end=self.ended)
        each = [(one["timestamp"], one["labels"]["trace_id"]) for series in found for one in series["exemplars"]]
        return [trace for _, trace in sorted(each, reverse=True)]

    def targets(self) -> list[dict[str, Any]]:
        """What Prometheus scrapes now."""
        return self._ask("/api/v1/targets", state="active")["activeTargets"]  # type: ignore[no-any-return]

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans that Jaeger holds of it."""
        answer = WEB.get(f"{self.jaeger}/api/traces/{trace_id}")
        if answer.status_code == 404:
            return []
        (trace,) = answer.json()["data"]
        return [span | {"service": trace["processes"][span["processID"]]["serviceName"]} for span in trace["spans"]]

    def _ask(self, path: str, **parameters: Any) -> Any:
        answer = WEB.get(self.prometheus + path, params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    for name in ("prometheus", "jaeger", "toxiproxy-server"):
        if find_program(name) is None:
            skip_without(name, remedy="run `make real-parts`")
    folder = tmp_path_factory.mktemp("storm")
    env, base = environment(folder), block_of_ports()
    rules = folder / "rules.json"
    rules.write_text(json.dumps(compressed(groups(), HASTE)))
    wanted = ["--proxy", "toxiproxy", "--prometheus", "--jaeger", "--rules", str(rules)]
    command = [sys.executable, "-m", "stormlab", "up", "--base-port", str(base), *wanted]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process:
        try:
            wait_until_ready(process)
            yield raged(folder, base)
        finally:
            process.terminate()
            process.wait(timeout=60)


def raged(folder: Path, base: int) -> Storm:
    """Plays the scenario in front of the stack, with some rest before it."""
    console, control = f"http://127.0.0.1:{base}", f"http://127.0.0.1:{base + 1}"
    pages = WEB.get(f"{console}/api/state").json()["links"]
    wait_for(lambda: WEB.get(pages["Prometheus"] + "/-/ready").status_code == 200)
    env = os.environ | {"STORMLAB_CONSOLE": console, "OTEL_EXPORTER_OTLP_ENDPOINT": console}
    command = ["run", str(scenario(folder)), "--live", "--json", "--proxy", control, "--out", str(folder / "out")]
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "stormlab", *command], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode in (0, 3), done.stderr
    return Storm(
        console=console,
        prometheus=pages["Prometheus"],
        jaeger=pages["Jaeger"],
        began=began,
        ended=time.time(),
        result=json.loads(done.stdout),
    )


def scenario(folder: Path) -> Path:
    """The retry storm that its operators end, with a little more at its end."""
    path = folder / "storm.toml"
    path.write_text(loader.dump(loader.load("retry-storm", variant="rescued", overrides=MORE)))
    return path


def dashboards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def substituted(expr: str, page: Mapping[str, Any]) -> str:
    """Grafana's variables with all values chosen, and its own for a step of a second."""
    values = {one["name"]: one["allValue"] for one in page.get("templating", {}).get("list", [])}
    values |= {"__rate_interval": "5s", "__interval": "1s", "__range": "1m"}
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values[found[1]], expr)


def queries() -> list[tuple[str, str, str]]:
    return [
        (uid, panel["title"], substituted(target["expr"], page))
        for uid, page in dashboards().items()
        for panel in page["panels"]
        for target in panel["targets"]
    ]


def samples(series: list[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(float(at), float(value)) for one in series for at, value in one["values"] if value != "NaN"]


def test_the_storm_was_one(storm: Storm) -> None:
    assert storm.result["world"] == "live"
    web = samples(storm.series('edge:amplification:ratio_rate10s{edge="web"}'))
    assert max(value for _, value in web) > 2


def test_every_panel_of_every_dashboard_has_data(storm: Storm) -> None:
    empty = [(uid, title, expr) for uid, title, expr in queries() if not samples(storm.series(expr))]
    assert not empty, empty
    assert len({title for _, title, _ in queries()}) > 25


def test_every_variable_has_values_and_faults_are_annotated(storm: Storm) -> None:
    for page in dashboards().values():
        for variable in page.get("templating", {}).get("list", []):
            found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
            assert found, variable
            assert storm.series(f"count by ({found[2]}) ({found[1]})"), variable
        (annotation,) = page["annotations"]["list"]
        marked = {one["metric"]["fault"] for one in storm.series(annotation["expr"])}
        assert {"spike", "turn everybody away", "hiccup"} <= marked


def test_the_expected_alerts_fire_and_clear_and_no_other(storm: Storm) -> None:
    firing: dict[str, list[float]] = defaultdict(list)
    for one in storm.series('ALERTS{alertstate="firing"}'):
        assert one["metric"]["edge"] == "web", one["metric"]
        firing[one["metric"]["alertname"]] += [float(at) for at, _ in one["values"]]
    assert set(firing) == EXPECTED
    success = samples(storm.series('edge:success:ratio_rate10s{edge="web"}'))
    begin = next(at for at, value in success if value < 0.9)
    last = success[-1][0]
    for alert, times in firing.items():
        assert min(times) >= begin, f"{alert} fired before the storm"
        assert max(times) < last, f"{alert} still fired when the load ended"
    assert success[-1][1] > 0.9


def test_while_a_fault_is_active_nobody_suspects_metastability(storm: Storm) -> None:
    """Not at the same moment, but for the second that scrapes of different targets lie apart."""
    faults = {at for at, value in samples(storm.series("max(stormlab_fault_active)")) if value}
    suspected = [
        at for at, _ in samples(storm.series('ALERTS{alertname="SuspectedMetastability",alertstate="firing"}'))
    ]
    assert suspected and not [at for at in suspected if {at, at - 1, at - 2} <= faults]


def test_exemplars_lead_to_traces_that_jaeger_holds(storm: Storm) -> None:
    found = storm.exemplars("stormlab_request_duration_seconds_bucket")
    assert len(found) > 20
    wait_for(lambda: all(storm.trace(trace) for trace in found[:20]))


def test_a_trace_spans_gateway_and_service(storm: Storm) -> None:
    traces = [storm.trace(trace) for trace in storm.exemplars("stormlab_request_duration_seconds_bucket")[5:60]]
    services = [{span["service"] for span in spans} for spans in traces]
    assert any("gateway" in names and names & {"kv-0", "kv-1", "fibonacci-0", "fibonacci-1"} for names in services)


def test_faults_and_interventions_are_spans_in_jaeger(storm: Storm) -> None:

    def events() -> set[str]:
        answer = WEB.get(f"{storm.jaeger}/api/traces", params={"service": "stormlab-faults", "limit": 50}).json()
        return {
            field["value"]
            for trace in answer["data"] or ()
            for span in trace["spans"]
            for log in span["logs"]
            for field in log["fields"]
        }

    disturbances = ("load-spike on web", "block on web", "error on kv")
    wanted = {f"{what}: {phase}" for what in disturbances for phase in ("begin", "end")}
    wait_for(lambda: wanted <= events())


def test_every_page_that_prometheus_scrapes_satisfies_promtool(storm: Storm) -> None:
    """But for two counters of Toxiproxy 2.12, whose own page gives them no help text."""
    promtool = find_program("promtool")
    if promtool is None:
        skip_without("promtool", remedy="run `make real-parts`")
    wait_for(lambda: discovered(storm) == {one["targets"][0] for one in WEB.get(f"{storm.console}/api/targets").json()})
    active = storm.targets()
    assert {one["labels"]["job"] for one in active} == {"services", "console", "proxy"}
    for target in active:
        page = WEB.get(target["scrapeUrl"]).content
        done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
        complaints = set(done.stderr.decode().splitlines()) - TOXIPROXYS
        assert not complaints and not done.stdout, (target["scrapeUrl"], complaints, done.stdout)


def discovered(storm: Storm) -> set[str]:
    """The services that Prometheus scrapes; it forgets those of an ended run some seconds after the console did."""
    return {one["labels"]["instance"] for one in storm.targets() if one["labels"]["job"] == "services"}


def test_the_proxy_is_the_real_one(storm: Storm) -> None:
    assert storm.series('toxiproxy_proxy_sent_bytes_total{job="proxy"}') and storm.series('go_info{job="proxy"}')
