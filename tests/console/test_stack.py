"""The stack as real processes: up, a look at everything, toxics, a fault on the clock, bad input, down."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from stormlab.live import ports
from stormlab.live.actuator import Actuator
from stormlab.live.ports import answers
from stormlab.live.stack import Stack
from stormlab.scenario import loader
from tests.conftest import find_program, skip_without
from tools.waiting import wait_for

pytestmark = pytest.mark.live
#: Consecutive ports that a stack takes.
PORTS = 15


class Grafana(ThreadingHTTPServer):
    """Takes annotations as Grafana does, and remembers them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Annotations)
        self.written: list[tuple[str, str, Any]] = []


class Annotations(BaseHTTPRequestHandler):
    server: Grafana

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.written.append((self.command, self.path, body))
        answer = json.dumps({"id": 7}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PATCH = do_POST

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A stack that is ready."""

    grafana: Grafana
    process: subprocess.Popen[str]
    base: int
    env: dict[str, str]

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.base}{path}", data, headers, method=method)
        with urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
            return json.loads(text) if "json" in answer.headers.get("content-type", "") else text

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return stormlab(*arguments, env=self.env)


def stormlab(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stormlab", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


def block_of_ports() -> int:
    """The first of :data:`PORTS` consecutive free ports; other test processes look elsewhere."""
    return ports.block(PORTS, start=20_000 + os.getpid() * 101 % 10_000)


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"STORMLAB_STATE": str(folder / "stack.json")}


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    """Reads on until the stack says that it is ready; raises AssertionError with all it said when it ends instead."""
    assert process.stdout is not None
    said: list[str] = []
    while line := process.stdout.readline():
        if line.startswith("ready after"):
            return
        said.append(line)
    raise AssertionError("".join(said))


@pytest.fixture(scope="module")
def grafana() -> Iterator[Grafana]:
    with Grafana() as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, grafana: Grafana) -> Iterator[Up]:
    env, base = environment(tmp_path_factory.mktemp("stack")), block_of_ports()
    env |= {"STORMLAB_GRAFANA_URL": f"http://127.0.0.1:{grafana.server_port}"}
    command = [sys.executable, "-m", "stormlab", "up", "--base-port", str(base), "--no-prometheus", "--no-jaeger"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process:
        try:
            wait_until_ready(process)
            yield Up(process=process, base=base, env=env, grafana=grafana)
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert not [port for port in range(base, base + PORTS) if answers(port)]


def test_every_part_is_watched_and_a_request_at_rest_takes_one_attempt(up: Up) -> None:
    names = {one["name"] for one in up.ask("/api/state")["targets"]}
    assert names == {"kv-0", "kv-1", "fibonacci-0", "fibonacci-1", "gateway"}

    def at_rest() -> list[Any]:
        """Some seconds, as one at a time may hold an attempt more than requests."""
        rest = [one for one in up.ask("/api/samples") if one["goodput"] > 2 and 0.8 < one["amplification"] < 1.2]
        return rest if len(rest) >= 3 else []

    samples = wait_for(at_rest)
    assert not any(one["faults"] for one in samples)


def test_a_trace_spans_gateway_and_service(up: Up) -> None:
    """The nine calls of f(4), below a span for the request, one for the attempt, and that of the gateway."""

    def whole() -> list[dict[str, Any]]:
        found = up.ask("/api/traces?service=gateway&limit=50")["data"]
        return [one for one in found if len(one["processes"]) == 2 and len(one["spans"]) == 12]

    trace = wait_for(whole)[0]
    services = {one["serviceName"] for one in trace["processes"].values()}
    assert "gateway" in services and services & {"fibonacci-0", "fibonacci-1"}
    assert [one["operationName"] for one in trace["spans"] if not one["references"]] == ["GET /fibonacci"]
    assert up.ask(f"/api/traces/{trace['traceID']}")["data"][0]["traceID"] == trace["traceID"]


def test_a_toxic_changes_the_latency_that_is_measured(up: Up) -> None:
    wait_for(lambda: up.ask("/api/samples"))
    for proxy in up.ask("/api/proxies"):
        up.ask(f"/api/proxies/{proxy}/toxics/latency", "PUT", {"latency": 300})
    wait_for(lambda: (up.ask("/api/samples")[-1]["p50"] or 0) > 0.2)
    for proxy in up.ask("/api/proxies"):
        up.ask(f"/api/proxies/{proxy}/toxics/latency", "DELETE")
    wait_for(lambda: 0 < (up.ask("/api/samples")[-1]["p50"] or 0) < 0.2)


def test_a_fault_is_a_metric_a_span_an_annotation_and_in_the_samples(up: Up) -> None:
    """Its log line is seen when the stack is down."""
    moment = {"fault": "spike", "kind": "load-spike", "target": "web"}
    up.ask("/api/moments", "POST", moment | {"phase": "begin"})
    line = 'stormlab_fault_active{fault="spike",kind="load-spike",service="web"}'
    assert f"{line} 1.0" in up.ask("/metrics")
    wait_for(lambda: up.ask("/api/samples")[-1]["faults"] == ["spike"])
    up.ask("/api/moments", "POST", moment | {"phase": "end"})
    assert f"{line} 0.0" in up.ask("/metrics")
    begin, end = (one["spans"][0]["logs"][0] for one in up.ask("/api/traces?service=stormlab-faults")["data"][::-1])
    assert [one["fields"][0]["value"] for one in (begin, end)] == ["load-spike on web: begin", "load-spike on web: end"]
    wait_for(lambda: len(up.grafana.written) == 2)
    (_, made, what), (how, changed, until) = up.grafana.written
    assert (made, how, changed) == ("/api/annotations", "PATCH", "/api/annotations/7")
    assert what["tags"] == ["stormlab", "load-spike", "web"] and what["text"] == "spike (load-spike on web)"
    milliseconds = [one["timestamp"] / 1000 for one in (begin, end)]
    assert [what["time"], until["timeEnd"]] == pytest.approx(milliseconds, abs=1)
    assert up.ask("/api/state")["links"]["Grafana"] == f"http://127.0.0.1:{up.grafana.server_port}"


def test_other_pages_may_not_drive_the_stack(up: Up) -> None:
    with pytest.raises(HTTPError) as refused:
        up.ask("/api/scenarios", "POST", {"name": "retry-storm"}, Origin="http://elsewhere.example")
    assert refused.value.code == 403


def test_an_unknown_scenario_is_refused_with_what_to_do(up: Up) -> None:
    with pytest.raises(HTTPError) as refused:
        up.ask("/api/scenarios", "POST", {"name": "retry-strom"})
    assert refused.value.code == 400
    assert "retry-storm" in refused.value.read().decode()


def test_a_second_up_is_refused(up: Up) -> None:
    second = up.run("up")
    assert second.returncode == 2
    assert "a stack is up at" in second.stderr and "stormlab down" in second.stderr


def test_the_numbers_of_a_stack_at_rest_are_in_order(up: Up) -> None:
    """But for those of the machine: it may be busy with other tests."""

    def off() -> set[str]:
        done = up.run("doctor", "--json")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        stack = next(index for index, one in enumerate(found) if one["name"] == "stack")
        assert len(found[stack + 1 :]) >= 10
        assert (done.returncode == 0) == all(one["ok"] for one in found[stack + 1 :])
        return {one["name"] for one in found[stack + 1 :] if not one["ok"]} - {"latency", "memory", "last sample"}

    wait_for(lambda: not off(), 90)


def test_a_toxic_shows_among_the_numbers(up: Up) -> None:
    up.ask("/api/proxies/up-kv-0/toxics/latency", "PUT", {"latency": 1})
    done = up.run("doctor")
    up.ask("/api/proxies/up-kv-0/toxics/latency", "DELETE")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("off") and " proxies " in line]
    assert "disturbed: up-kv-0; set the sliders" in line


def test_a_run_that_ends_leaves_the_toxics_of_others_alone(up: Up, tmp_path: Path) -> None:
    up.ask("/api/proxies/up-kv-0/toxics/latency", "PUT", {"latency": 1})
    up.ask("/api/proxies/up-kv-1", "PUT", {"enabled": False})
    slowed = 'faults=[{kind="latency", target="kv", at=5, for=5, latency=0.1}]'
    scenario = loader.load("retry-storm", overrides=[slowed, "expect=[]"])
    with Stack(scenario, seed=1, proxy=f"http://127.0.0.1:{up.base + 1}", folder=tmp_path) as stack:
        actuator = Actuator(scenario, stack, seed=1, clock=lambda: 0.0)
        actuator.begin(scenario.faults[0])
        there = up.ask("/api/proxies")
        assert [len(there[name]["toxics"]) for name in ("kv-0", "up-kv-0")] == [1, 1]
        actuator.end_all()
        assert up.ask("/api/proxies")["kv-0"]["toxics"] == []
    after = up.ask("/api/proxies")
    assert "kv-0" not in after and not after["up-kv-1"]["enabled"]
    assert [one["name"] for one in after["up-kv-0"]["toxics"]] == ["latency"]
    up.ask("/api/proxies/up-kv-0/toxics/latency", "DELETE")
    up.ask("/api/proxies/up-kv-1", "PUT", {"enabled": True})


@pytest.mark.real
def test_every_scrape_page_satisfies_promtool(up: Up) -> None:
    promtool = find_program("promtool")
    if promtool is None:
        skip_without("promtool", remedy="run `make real-parts`, or `apt-get install prometheus`")
    proxy = up.base + 1
    for port in [up.base, proxy, *(one["port"] for one in up.ask("/api/state")["targets"])]:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            page = answer.read()
        done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
        assert done.returncode == 0, (port, done.stdout, done.stderr)


def test_a_taken_port_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    base = block_of_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 4))
        other.listen()
        done = stormlab("up", "--base-port", str(base), env=environment(tmp_path))
    assert done.returncode == 2
    assert f"port {base + 4};" in done.stderr
    assert not [port for port in range(base, base + PORTS) if answers(port)]
    assert not (tmp_path / "stack.json").exists()


def test_a_part_that_does_not_start_takes_the_others_down(tmp_path: Path) -> None:
    """Rules that Prometheus refuses: it ends, and says why."""
    if find_program("prometheus") is None:
        skip_without("prometheus", remedy="run `make real-parts`, or `apt-get install prometheus`")
    rules, base = tmp_path / "rules.yml", block_of_ports()
    rules.write_text("groups: nonsense")
    words = ["--base-port", str(base), "--prometheus", "--no-jaeger", "--rules", str(rules)]
    done = stormlab("up", *words, env=environment(tmp_path))
    assert done.returncode not in (0, 2)
    assert "prometheus" in done.stderr and "ready after" not in done.stdout
    assert not [port for port in range(base, base + PORTS) if answers(port)]
    assert not (tmp_path / "stack.json").exists()


def test_down_with_nothing_up_says_so(tmp_path: Path) -> None:
    done = stormlab("down", env=environment(tmp_path))
    assert (done.returncode, done.stdout) == (0, "no stack is up\n")


def test_down_ends_the_stack(up: Up) -> None:
    done = up.run("down")
    assert (done.returncode, done.stdout) == (0, "the stack is down\n"), done.stderr
    assert up.process.wait(timeout=60) == 0
    assert not Path(up.env["STORMLAB_STATE"]).exists()
    assert up.process.stdout is not None
    logged = [json.loads(line) for line in up.process.stdout.read().splitlines() if line.startswith("{")]
    faults = [(one["event"], one["fault"]) for one in logged if one["event"].startswith("fault")]
    assert faults == [("fault begin", "spike"), ("fault end", "spike")]
