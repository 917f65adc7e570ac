"""One scenario on real processes: the chaos proxy, the services, Locust, and the faults on schedule."""

from __future__ import annotations

import heapq
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from stormlab.errors import StormlabError
from stormlab.live import checkout, ports
from stormlab.live.actuator import Actuator
from stormlab.live.children import START_LIMIT, Child, terminable
from stormlab.live.doses import doses, silence
from stormlab.live.herald import Herald, also
from stormlab.live.observers import Metrics, Probe, Prober, Reading, Standstills, Watcher, edges, every_bin
from stormlab.live.plan import ENDINGS, ENVIRONMENT, Plan, Rows, announce
from stormlab.live.possible import refuse_what_cannot_be_done
from stormlab.live.stack import Stack
from stormlab.scenario import loader
from stormlab.scenario.compression import compressed
from stormlab.scenario.model import Scenario, Service
from stormlab.scenario.recorder import Move, Recorder, ServiceLog
from stormlab.scenario.result import Dose, Result, conclude

Progress: TypeAlias = Callable[[float], None]

#: Between telling everybody when scenario time starts and its start, in s.
LEAD_IN = 0.5
#: How long requests may go on after the end of the run, in live s.
DRAIN = 15.0
#: Between two looks at what operators have achieved, in live s.
LOOK = 0.02
#: A generator whose requests start later than this, at the 99th percentile, did not keep its schedule; in live s.
LATE = 0.1


def run(
    scenario: Scenario,
    *,
    seed: int | None = None,
    progress: Progress | None = None,
    proxy: str = "auto",
    logs: Path | None = None,
) -> Result:
    """Play ``scenario`` on real processes on this machine and judge what was seen.

    Args:
        seed: the master seed; the scenario's own when ``None``.
        progress: hears the share of scenario time that has passed, from 0 to 1.
        proxy: ``auto``, ``embedded``, ``toxiproxy``, or the URL of a control API.
        logs: a folder for what the processes print; a temporary one when ``None``.

    Raises:
        BadInput: the scenario, the checkout or the machine lacks something; the message says what to do.
        StormlabError: a process ended that should not have.
    """
    checkout.require_extras()
    refuse_what_cannot_be_done(scenario)
    seed = scenario.run.seed if seed is None else seed
    with terminable(), tempfile.TemporaryDirectory(prefix="stormlab-") as scratch:
        live = _LiveRun(scenario, seed, Path(logs or scratch), progress or (lambda _share: None))
        return live.play(proxy)


class _LiveRun:
    """The state of one run; times are in live s until the results are converted back to scenario s."""

    def __init__(self, scenario: Scenario, seed: int, folder: Path, progress: Progress) -> None:
        self.scenario = scenario
        self.speed = scenario.run.live_speed
        self.live = compressed(scenario, self.speed)
        self.seed = seed
        self.folder = folder
        self.progress = progress
        self.epoch = 0.0
        self.herald = Herald.from_environment()

    def play(self, proxy: str) -> Result:
        began = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        with Stack(self.live, seed=self.seed, proxy=proxy, folder=self.folder) as stack:
            actuator = Actuator(self.live, stack, seed=self.seed, clock=self.now)
            metrics = Metrics(stack.processes, clock=self.now, width=1 / self.speed)
            prober = Prober(stack.replicas, clock=self.now)
            standstills = Standstills(clock=self.now)
            plan = self._plan(stack)
            self.herald.watch(stack.processes, plan.metrics)
            try:
                generator = self._start_generator(stack, plan)
                with (
                    Watcher(metrics.step, self.now),
                    Watcher(prober.step, self.now),
                    Watcher(standstills.step, self.now),
                ):
                    self._play_faults(actuator, generator)
                self._drain(generator)
                traffic = edges(stack.processes)
            finally:
                self.herald.is_over()
            rows = {name: self._rows(plan, name, generator) for name in self.scenario.clients}
            moves = {name: self._moves(plan, name) for name in plan.targets}
        facts = {
            "engine": "processes",
            "proxy": stack.proxy_kind,
            "live_speed": self.speed,
            "wall_seconds": round(time.monotonic() - began, 3),
            "attempts": sum(len(one.tries) for one in rows.values()),
            "edges": traffic,
            "lateness_p99": max((_quantile(one.lateness(), 0.99) for one in rows.values()), default=0.0),
            "standstills": [[round(at * self.speed, 2), round(lasting, 2)] for at, lasting in standstills.found],
        }
        return self._conclude(rows, moves, metrics, prober.probes, actuator, facts)

    def now(self) -> float:
        """Live s since the start of scenario time."""
        return time.monotonic() - self.epoch

    def _plan(self, stack: Stack) -> Plan:
        path = self.folder / "live-scenario.toml"
        path.write_text(loader.dump(self.live), encoding="utf-8")
        return Plan(
            scenario_path=str(path),
            name=self.live.name,
            variant=self.live.variant,
            seed=self.seed,
            targets=stack.targets(),
            folder=str(self.folder),
            grace=DRAIN,
            metrics=ports.free(1)[0] if self.herald.listened_to else 0,
        )

    def _start_generator(self, stack: Stack, plan: Plan) -> Child:
        """Start Locust, wait until all its users stand ready, and agree on when scenario time starts."""
        plan.go.unlink(missing_ok=True)
        plan.ready.unlink(missing_ok=True)
        users = str(len(self.live.clients))
        limit = f"{int(self.live.run.duration + DRAIN + START_LIMIT)}s"
        command = [sys.executable, "-m", "locust", "-f", "loadtests/scenario.py", "--headless", "--only-summary"]
        command += ["--users", users, "--spawn-rate", users, "--run-time", limit, "--stop-timeout", "1"]
        generator = stack.spawn("locust", command, {ENVIRONMENT: str(plan.write()), "LOCUST_SKIP_LOG_SETUP": "0"})
        generator.wait_until(plan.ready.exists, seconds=START_LIMIT)
        self.epoch = time.monotonic() + LEAD_IN
        announce(plan.go, repr(self.epoch))
        return generator

    def _play_faults(self, actuator: Actuator, generator: Child) -> None:
        """Begin and end every disturbance at its time, until scenario time is over."""
        agenda = _agenda(self.live, actuator, self.herald)
        duration = self.live.run.duration
        while self.now() < duration:
            if generator.status is not None:
                raise StormlabError(f"the load generator ended during the run: {generator.last_words()}")
            while agenda and agenda[0][0] <= self.now():
                heapq.heappop(agenda)[2]()
            actuator.look_after()
            due = agenda[0][0] if agenda else duration
            time.sleep(min(LOOK, max(0.0, min(due, duration) - self.now())))
            self.progress(min(1.0, max(0.0, self.now() / duration)))
        actuator.end_all()

    def _drain(self, generator: Child) -> None:
        if not generator.wait(DRAIN + START_LIMIT):
            raise StormlabError(f"the load generator did not end: {generator.last_words()}")

    def _rows(self, plan: Plan, client: str, generator: Child) -> Rows:
        """What one client did, in scenario s."""
        path = plan.rows(client)
        if not path.exists():
            raise StormlabError(f"the load generator left no results for {client}: {generator.last_words()}")
        rows, speed = Rows.read(path), self.speed
        return replace(
            rows,
            intended=rows.intended * speed,
            sent=rows.sent * speed,
            ended=rows.ended * speed,
            tries=rows.tries * speed,
        )

    def _moves(self, plan: Plan, service: str) -> list[Move]:
        """Which replicas the clients took out of rotation, and when in scenario s."""
        path = plan.moves(service)
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return [Move(at * self.speed, *rest) for at, *rest in rows]

    def _conclude(
        self,
        rows: dict[str, Rows],
        moves: dict[str, list[Move]],
        metrics: Metrics,
        probes: Sequence[Probe],
        actuator: Actuator,
        facts: dict[str, Any],
    ) -> Result:
        achieved = {label: at * self.speed for label, at in actuator.achieved.items()}
        readings = [reading._replace(capacity=reading.capacity / self.speed) for reading in metrics.readings]
        probes = [_stretched(probe, self.speed) for probe in probes]
        recorder = _record(self.scenario, rows, readings)
        for name, log in recorder.services.items():
            log.condemnable &= name in moves
            log.moves = moves.get(name, [])
        observed = doses(
            self.scenario,
            rows=rows,
            readings=readings,
            probes=probes,
            hits=actuator.hits,
            achieved=achieved,
            isolated=actuator.isolated,
        )
        void = [*_reasons_for_void(rows, observed, self.speed), *silence(self.scenario, readings, metrics.silent)]
        if void and facts["standstills"]:
            void.append(_stood_still(facts["standstills"]))
        return conclude(recorder, world="live", seed=self.seed, doses=observed, void=void, facts=facts)


def _agenda(scenario: Scenario, actuator: Actuator, herald: Herald) -> list[tuple[float, int, Callable[[], None]]]:
    """What is to be done when, as a heap."""
    order = count()
    agenda: list[tuple[float, int, Callable[[], None]]] = []
    for one in (*scenario.faults, *scenario.interventions):
        agenda.append((one.at, next(order), _bound(also(actuator.begin, herald.begins), one)))
        if one.lasting is not None:
            lead = min(actuator.lead(one), one.lasting / 2)
            agenda.append((one.until - lead, next(order), _bound(actuator.prepare_end, one)))
            agenda.append((one.until, next(order), _bound(also(actuator.end, herald.ends), one)))
    heapq.heapify(agenda)
    return agenda


def _bound(action: Callable[[Any], None], one: Any) -> Callable[[], None]:
    return lambda: action(one)


def _stretched(probe: Probe, factor: float) -> Probe:
    def stretch(seconds: float | None) -> float | None:
        return None if seconds is None else seconds * factor

    return Probe(probe.service, probe.at * factor, stretch(probe.direct), stretch(probe.proxied))


def _record(scenario: Scenario, rows: dict[str, Rows], readings: Sequence[Reading]) -> Recorder:
    """What the generator and the services reported, counted as the simulated world counts it."""
    recorder = Recorder(scenario, {name: len(one.intended) for name, one in rows.items()})
    for name, one in rows.items():
        log = recorder.clients[name]
        last = len(log.offered) - 1
        for intended in one.intended:
            log.offered[min(int(intended), last)] += 1
        for at in one.tries:
            log.attempts[min(max(int(at), 0), last)] += 1
        for intended, ended, ending, attempts in zip(one.intended, one.ended, one.ending, one.attempts, strict=True):
            log.ended(float(intended), float(ended), ENDINGS[ending], int(attempts))
    for name, service in scenario.services.items():
        _record_service(service, recorder.services[name], [one for one in readings if one.service == name])
    return recorder


def _record_service(service: Service, log: ServiceLog, readings: Sequence[Reading]) -> None:
    cached = any(call.cache for call in service.calls)
    for one in every_bin(readings):
        counts = (one.completions, one.rejected, one.wasted)
        log.sample(one.bin_, queue=one.queue, busy=one.busy, capacity=one.capacity, counts=counts)
        in_service = one.in_service if service.lease is not None else 1.0
        log.sample_more(one.bin_, arrivals=one.arrivals, in_service=in_service)
        if cached:
            log.sample_caches(one.bin_, hits=one.hits, lookups=one.hits + one.misses)


def _reasons_for_void(rows: dict[str, Rows], observed: Sequence[Dose], speed: float) -> list[str]:
    reasons = []
    for name, one in rows.items():
        late = _quantile(one.lateness(), 0.99) / speed
        if late > LATE:
            reasons.append(
                f"client {name}: requests started {late * 1000:.0f} ms late (99th percentile; {LATE * 1000:.0f} ms are "
                "accepted): the machine is too busy for this load; lower the rate or run.live_speed"
            )
        if one.dropped or one.unfinished:
            reasons.append(f"client {name}: {one.dropped} requests not sent, {one.unfinished} without an ending")
    for dose in observed:
        if not dose.ok:
            reasons.append(
                f"fault {dose.fault}: asked for {dose.asked:.4g} {dose.unit}, observed {dose.observed:.4g} "
                f"(accepted: ±{dose.tolerance:.0%})"
            )
    return reasons


def _stood_still(standstills: Sequence[tuple[float, float]]) -> str:
    at, longest = max(standstills, key=itemgetter(1))
    often = f"the longest of {len(standstills)} times" if len(standstills) > 1 else "once"
    return f"the machine stood still for {longest:.1f} s at {at:.0f} s ({often}): play it again, or use --live-tries"


def _quantile(values: Any, q: float) -> float:
    return float(np.quantile(values, q)) if len(values) else 0.0
