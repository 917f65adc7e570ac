"""The master's side of a load: plans it, tells the workers, adds up what they report, and says what came of it.

The plan travels with the options that Locust sends to its workers when users are spawned; slices of what happened
come back as messages. A process without workers is its own only worker.
"""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner

from loadtests import results
from loadtests.casting import Casting, loaders
from loadtests.journal import Slice
from loadtests.options import Settings, settings_from
from loadtests.performance import DRAIN, planned
from loadtests.plan import Job, scenario_of
from loadtests.results import WorkerReport, expectations
from loadtests.stage import STAGE
from loadtests.tally import Tally
from stormlab.errors import BadInput
from stormlab.scenario.arrivals import load_factor

logger = logging.getLogger("stormlab.load")

#: The message that brings a slice, and the option that holds the plan.
SLICE, JOB = "stormlab-slice", "stormlab_job"
#: The id of the only worker of a process without workers.
LOCAL = "local"
#: Between telling everybody and the start of the load, in s: by itself, and with workers.
LEAD_IN, LEAD_IN_WORKERS = 0.5, 2.5
#: How often it is looked at who is there, in s; and how much longer than a worker's own patience that of the master is.
LOOK, PATIENCE = 0.2, 10.0
#: Locust warns when users are spawned faster, per s.
_FASTEST = 100


class Conductor:
    """One load after the other on one Locust environment, which has a page or not."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._run: _Run | None = None
        self._watching: gevent.Greenlet[..., Any] | None = None
        self.page: Path | None = None
        STAGE.users = self.users
        if isinstance(environment.runner, MasterRunner):
            environment.runner.register_message(SLICE, self._on_slice)

    def refuse_bad_settings(self) -> None:
        """Ends the process with status 2 when a headless run cannot be played."""
        try:
            settings = self._settings()
            scenario = scenario_of(settings, self._casting(settings).roles)
            expectations(settings.expect, list(scenario.clients))
        except BadInput as error:
            print(f"Error: {error}", file=sys.stderr)
            sys.exit(2)

    def users(self) -> tuple[int, float] | None:
        """What Locust's load shapes answer: how many users from now on, or that the load is over."""
        run = self._run
        if run is not None and run.finished:
            return None
        least = max(1, len(self._environment.user_classes)) * len(self._workers())
        if run is None or run.settings.loop == "open":
            return least, min(least, _FASTEST)
        count = run.users_now()
        return count, max(1, min(count, _FASTEST))

    def begin(self, **_given: Any) -> None:
        """Plan the load and leave the plan where Locust and the worker of this process find it."""
        settings = self._settings()
        run = self._run = _Run(settings, started=datetime.now(UTC).isoformat(timespec="seconds"))
        options = vars(self._environment.parsed_options)
        options.pop(JOB, None)
        try:
            casting = self._casting(settings)
            scenario = scenario_of(settings, casting.roles)
            expectations(settings.expect, list(scenario.clients))
            if settings.fill == "yes":
                casting.fill(scenario)
        except BadInput as error:
            logger.error("%s", error)
            self._environment.process_exit_code = 2
            run.finished = True
        else:
            told = time.time()
            lead = LEAD_IN_WORKERS if isinstance(self._environment.runner, MasterRunner) else LEAD_IN
            shares = {worker: share for share, worker in enumerate(self._workers())}
            run.play(Job(scenario=scenario, settings=settings, epoch=told + lead, told=told, shares=shares))
            options[JOB] = run.job.to_json()
        self._watching = gevent.spawn(self._watch, run)

    def stopping(self, **_given: Any) -> None:
        """Nothing more will be sent, because the load is over or somebody stopped it."""
        run = self._run
        if run is not None and run.playing and not run.finished:
            run.stopped = run.now()

    def end(self, **_given: Any) -> None:
        """Write and print what came of it."""
        run = self._run
        if run is None or not run.playing:
            return
        self._take_own(run)
        run.finished, run.playing = True, False
        outcome = run.outcome()
        self._environment.process_exit_code = outcome.status
        print(results.summary(outcome), flush=True)
        if run.settings.out:
            folder = Path(run.settings.out)
            if self._environment.web_ui is not None:
                folder = folder / run.started.replace(":", "").partition("+")[0]
            self.page = results.write(outcome, folder)
            print(self.page, flush=True)
        for reason in outcome.void:
            logger.warning("this run is void: %s", reason)

    def last_page(self) -> tuple[str, int]:
        """The report of the last run, for Locust's page to serve, with the HTTP status."""
        if self.page is None:
            return "There is no report yet: set the option out, and let a run end.", 404
        return self.page.read_text(encoding="utf-8"), 200

    def _watch(self, run: _Run) -> None:
        """Until everybody is done; then the load shape says so, or, where there is none, Locust is told to stop."""
        while not run.finished:
            gevent.sleep(LOOK)
            self._take_own(run)
            self._look_for_lost(run)
            run.finished = run.complete()
        if self._environment.shape_class is None and self._environment.runner is not None and run.playing:
            gevent.spawn(self._environment.runner.stop)

    def _take_own(self, run: _Run) -> None:
        performance = STAGE.performance
        if performance is not None and performance.job is not None and LOCAL in run.job.shares:
            run.add(0, performance.take())

    def _on_slice(self, environment: Environment, msg: Any, **_given: Any) -> None:
        run, share = self._run, int(msg.data.pop("share"))
        if run is not None and run.playing and msg.data.pop("epoch") == run.job.epoch:
            run.add(share, Slice.unpacked(msg.data))

    def _look_for_lost(self, run: _Run) -> None:
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner) or run.finished:
            return
        for worker, share in run.job.shares.items():
            node = runner.clients.get(worker)
            if (node is None or node.state == STATE_MISSING) and run.lose(share):
                logger.warning("worker %d of %d is lost; this run is void", share + 1, len(run.job.shares))

    def _workers(self) -> list[str]:
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner):
            return [LOCAL]
        there = [one.id for one in runner.clients.values() if one.state != STATE_MISSING]
        return sorted(there, key=runner.get_worker_index)

    def _settings(self) -> Settings:
        environment, options = self._environment, self._environment.parsed_options
        assert options is not None
        chosen = getattr(environment.shape_class, "word", "constant" if environment.web_ui else options.shape)
        return settings_from(options, shape=chosen, host=environment.host)

    def _casting(self, settings: Settings) -> Casting:
        return Casting(settings, loaders(self._environment))


class _Run:
    """What is known of one load while it is played; a run that could not begin has no job."""

    job: Job

    def __init__(self, settings: Settings, *, started: str) -> None:
        self.settings, self.started = settings, started
        self.finished = self.playing = False
        self.stopped: float | None = None
        self.lost: dict[int, float] = {}
        self.latest: dict[int, Slice] = {}
        self.clocks: dict[int, float] = {}

    def play(self, job: Job) -> None:
        self.job, self.playing = job, True
        self.planned = planned(job)
        self.tally = Tally(list(job.scenario.clients), keep_rows=self.settings.rows == "yes")

    def now(self) -> float:
        return time.time() - self.job.epoch

    def users_now(self) -> int:
        """How many users a closed loop has now."""
        client = next(iter(self.job.scenario.clients))
        return round(self.settings.users * load_factor(self.job.scenario, client, max(0.0, self.now())))

    def add(self, share: int, slice_: Slice) -> None:
        self.latest[share] = slice_
        self.clocks[share] = _further(self.clocks.get(share, 0.0), slice_)
        self.tally.add(share, slice_, end=self.job.scenario.run.duration, late=self.settings.late)

    def lose(self, share: int) -> bool:
        """Whether this is news: a worker that has reported that it is done cannot be lost any more."""
        if share in self.lost or (share in self.latest and self.latest[share].done):
            return False
        self.lost[share] = self.now()
        return True

    def complete(self) -> bool:
        open_ = [share for share in self.job.shares.values() if share not in self.lost]
        if self.now() > self.job.scenario.run.duration + DRAIN + PATIENCE:
            return True
        return all(share in self.latest and self.latest[share].done for share in open_)

    def outcome(self) -> results.Outcome:
        stopped = self.stopped if self.stopped is not None and self.stopped < self.job.scenario.run.duration else None
        workers = [self._report(share) for share in self.job.shares.values()]
        return results.Outcome(job=self.job, tally=self.tally, workers=workers, stopped=stopped, started=self.started)

    def _report(self, share: int) -> WorkerReport:
        latest = self.latest.get(share)
        closed = self.settings.loop == "closed"
        return WorkerReport(
            share=share,
            planned=None if closed else self.planned[share],
            reported=self.tally.reported[share],
            dropped=latest.dropped if latest else 0,
            under_way=latest.under_way if latest else 0,
            clock=self.clocks.get(share, 0.0),
            lost=self.lost.get(share),
        )


def _further(known: float, slice_: Slice) -> float:
    """How far a worker's clock is ahead of ours (negative: behind) in s, as far as messages that take time can tell."""
    ahead = max(0.0, slice_.stamp - time.time())
    found = ahead if ahead > max(0.0, slice_.behind) else -max(0.0, slice_.behind)
    return found if abs(found) > abs(known) else known
