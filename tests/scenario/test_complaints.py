"""Every kind of mistake is told as file, line, key, what is wrong, and what would be right."""

from __future__ import annotations

import pytest

from stormlab.errors import BadInput
from stormlab.scenario import loader
from tests.scenario.building import source

#: A valid scenario; the tests replace one line each.
TEXT = """\
title = "a storm"
[run]
duration = 100
[services.kv]
workers = 10
service_time = { kind = "exponential", mean = 0.1 }
[services.db]
workers = 2
service_time = { kind = "uniform", low = 0.1, high = 0.2 }
[clients.web]
target = "kv"
arrivals = { kind = "poisson", rate = 60 }
policies = [
  { kind = "retry", backoff = { kind = "full-jitter", base = 0.1 } },
  { kind = "timeout", seconds = 1 },
]
[[faults]]
kind = "load-spike"
target = "web"
at = 20
factor = 3
for = 10
[[faults]]
kind = "latency"
target = "kv"
at = 20
latency = 0.1
[[expect]]
measure = "goodput_ratio"
window = "end"
max = 0.5
[[expect]]
verdict = ["metastable"]
"""

CASES = {
    # unknown and missing keys
    ("duration = 100", "duratoin = 100"): "3: run.duratoin: unknown key; did you mean 'duration'?",
    ("duration = 100", ""): "2: run.duration: this key is missing; add it",
    ("workers = 10", "workers = 10\nzzz = 1"): (
        "6: services.kv.zzz: unknown key; remove it "
        "(known here: url, workers, service_time, slowdown, queue, replicas, balancing, outlier, health, panic, calls, "
        "guards, lease, startup, crash, peers, autoscale, record, checkers, optimistic)"
    ),
    ("seconds = 1", "secnods = 1"): "15: clients.web.policies.1.secnods: unknown key; did you mean 'seconds'?",
    ("base = 0.1", "bas = 0.1"): "14: clients.web.policies.0.backoff.bas: unknown key; did you mean 'base'?",
    ("latency = 0.1", "latecny = 0.1"): "27: faults.1.latecny: unknown key; did you mean 'latency'?",
    ("latency = 0.1", ""): "23: faults.1.latency: this key is missing; add it",
    # unknown kinds
    ("full-jitter", "ful-jitter"): (
        "14: clients.web.policies.0.backoff.kind: unknown kind 'ful-jitter'; did you mean 'full-jitter'? "
        "(known: none, fixed, exponential, full-jitter, equal-jitter, decorrelated-jitter, book-jitter)"
    ),
    ('kind = "retry", ', ""): "14: clients.web.policies.0: this table needs a key `kind` that says what it is",
    # values
    ("workers = 10", "workers = 0"): "5: services.kv.workers: input should be greater than or equal to 1, not 0",
    ("workers = 10", 'workers = "x"'): (
        "5: services.kv.workers: input should be a valid integer, unable to parse string as an integer, not 'x'"
    ),
    ("rate = 60", "rate = -60"): "12: clients.web.arrivals.rate: input should be greater than 0, not -60",
    ('{ kind = "poisson", rate = 60 }', '{ kind = "closed", users = 6, think_time = { kind = "fixed", mean = 0 } }'): (
        "12: clients.web.arrivals.think_time: users who are turned away would ask again in no time, for ever; "
        "give it a mean above 0, say 0.001"
    ),
    ("rate = 60", "rate = inf"): "12: clients.web.arrivals.rate: input should be a finite number, not inf",
    ("base = 0.1", "base = -1"): (
        "14: clients.web.policies.0.backoff.base: must be a finite number greater than 0, not -1"
    ),
    ("low = 0.1", "low = 0.5"): "9: services.db.service_time.high: must not be below low (0.5), not 0.2",
    ("latency = 0.1", "latency = -1"): "27: faults.1.latency: input should be greater than or equal to 0, not -1",
    ("latency = 0.1", "latency = 1\njitter = -1"): (
        "28: faults.1.jitter: input should be greater than or equal to 0, not -1"
    ),
    ("for = 10", "for = 0"): "22: faults.0.for: input should be greater than 0, not 0",
    ("duration = 100", "duration = 1e9"): (
        "3: run.duration: input should be less than or equal to 1000000, not 1000000000.0"
    ),
    ("[services.db]", "[services.Db]"): (
        "7: services.Db: a name is lower-case letters, digits and hyphens, at most 32 and a letter first"
    ),
    ('{ kind = "timeout", seconds = 1 }', "3"): ("15: clients.web.policies.1: this has to be a table, not 3"),
    # references
    ('target = "kv"\narrivals', 'target = "kw"\narrivals'): (
        "11: clients.web.target: there is no service 'kw'; did you mean 'kv'? (there is: db, kv)"
    ),
    ('target = "web"', 'target = "wbe"'): (
        "19: faults.0.target: there is no client 'wbe'; did you mean 'web'? (there is: web)"
    ),
    ('target = "kv"\nat', 'target = "web"\nat'): "25: faults.1.target: there is no service 'web' (there is: db, kv)",
    ("workers = 2", 'workers = 2\ncalls = [{ target = "kb" }]'): (
        "9: services.db.calls.0.target: there is no service 'kb'; did you mean 'kv'? (there is: db, kv)"
    ),
    # what does not go together
    ("workers = 2", 'workers = 2\ncalls = [{ target = "db" }]'): (
        "9: services.db.calls.0.target: calls go round in a circle: 'db' leads back to 'db'; remove one of the calls"
    ),
    ("at = 20\nfactor", "at = 100\nfactor"): "20: faults.0.at: 100 s is past the end of the run (100 s)",
    ("at = 20\nfactor", "at = 0\nfactor"): (
        "20: faults.0.at: the first second belongs to the baseline, to which the rest is compared; "
        "begin the fault later"
    ),
    ("policies = [", 'policies = [{ kind = "retry-budget" },'): (
        "13: clients.web.policies.0: 'retry-budget' limits the retries of a 'retry' that stands before it; "
        "write retry → retry-budget → timeout"
    ),
    ('"poisson", rate = 60', '"trace", times = [1, 2]'): (
        "19: faults.0.target: the arrivals of 'web' are a trace; put the load-spike into its times"
    ),
    ('"poisson", rate = 60', '"trace", times = [2, 1]'): "12: clients.web.arrivals.times: they must ascend; sort them",
    ("rate = 60 }", "rate = 60 }\nshape = [[5, 1], [1, 1]]"): "13: clients.web.shape: its times must ascend",
    ("rate = 60", "rate = 1e6"): (
        "12: clients.web.arrivals: about 120,000,000 requests are more than the 50,000,000 that one run may have; "
        "shorten run.duration, or divide rates and workers by the same number"
    ),
    ('kind = "load-spike"\ntarget = "web"\nat = 20\nfactor = 3\nfor = 10', 'kind = "flush"\ntarget = "kv"\nat = 20'): (
        "19: faults.0.target: no call of 'kv' has a cache; name the service whose call has one"
    ),
    ("workers = 10", 'workers = 10\ncalls = [{ target = "db", cache = { capacity = 9 } }]'): (
        "11: clients.web.keys: 'kv' has a cache; say what is asked for: keys = { kind = \"uniform\", count = 100 }"
    ),
    (
        'kind = "latency"\ntarget = "kv"\nat = 20\nlatency = 0.1',
        'kind = "pause"\ntarget = "kv"\nat = 20\nreplica = 1',
    ): ("27: faults.1.replica: 'kv' has 1 of them, counted from 0"),
    # expectations
    ('measure = "goodput_ratio"', 'measure = "goodput_rate"'): (
        "29: expect.0.measure: there is no measure 'goodput_rate'; did you mean 'goodput_ratio'? (there is: offered, "
        "attempts, goodput, goodput_ratio, success_ratio, rejected_ratio, attempts_per_request, latency_p50, "
        "latency_p95, latency_p99, queue, error_ratio, arrivals, utilisation, hit_ratio, in_service, replicas, "
        "capacity, time_to_recover)"
    ),
    ('verdict = ["metastable"]', 'verdict = ["recoverd"]'): (
        "33: expect.1.verdict.0: unknown word 'recoverd'; did you mean 'recovered'? "
        "(known: unaffected, recovered, recovered-late, metastable, collapsed)"
    ),
    ('window = "end"', 'window = "ende"'): (
        "30: expect.0.window: a window is one of baseline, fault, after, end, or [from, to] in s, not 'ende'"
        "; did you mean 'end'?"
    ),
    ('window = "end"', "window = [20, 10]"): (
        "30: expect.0.window: a window is one of baseline, fault, after, end, or [from, to] in s, not [20, 10]"
    ),
    ('window = "end"', "window = [20, 200]"): "30: expect.0.window: it ends at 200 s, after the run (100 s)",
    ('window = "end"', ""): (
        "28: expect.0.window: nothing comes after faults that last to the end of the run; "
        'write window = "fault" or "end"'
    ),
    ("max = 0.5", ""): "28: expect.0: an expectation on a measure needs min, max or both",
    ("max = 0.5", "max = 0.5\nmin = 1"): "32: expect.0.min: must not be above max (0.5), not 1",
    ('verdict = ["metastable"]', "share = 0.5"): "32: expect.1: an expectation needs either verdict or measure",
}


def complaint(text: str, variant: str = "") -> str:
    with pytest.raises(BadInput) as caught:
        loader.resolve(source(text), variant=variant)
    return str(caught.value)


def test_the_text_that_the_cases_break_is_valid() -> None:
    assert loader.resolve(source(TEXT)).title == "a storm"


@pytest.mark.parametrize(("edit", "message"), CASES.items(), ids=[f"{new or 'no ' + old}" for old, new in CASES])
def test_a_mistake_is_told_with_file_line_key_and_remedy(edit: tuple[str, str], message: str) -> None:
    old, new = edit
    assert old in TEXT
    assert complaint(TEXT.replace(old, new, 1)) == f"storm.toml:{message}"


def test_several_mistakes_come_in_the_order_of_the_file() -> None:
    text = (
        TEXT.replace("seconds = 1", "seconds = 0").replace("workers = 10", "workers = 0").replace("at = 20", "at = -1")
    )
    assert [line.split(": ")[0] for line in complaint(text).splitlines()] == [
        "storm.toml:5",
        "storm.toml:15",
        "storm.toml:20",
        "storm.toml:26",
    ]


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("services.kv.workers = 0", "36: services.kv.workers: input should be greater than or equal to 1, not 0"),
        ('clients.web.policies = [{ kind = "timeout", second = 1 }]', "36: clients.web.policies.0.second: unknown key"),
        (
            'clients.web.policies = [{ kind = "timeout", seconds = -1 }]',
            "36: clients.web.policies.0.seconds: must be a finite number greater than 0, not -1",
        ),
        ('clients.web.arrivals = { kind = "closed" }', "36: clients.web.arrivals.users: this key is missing"),
        ('set = { "clients.web.policies.timeout.seconds" = 0 }', "36: clients.web.policies.1.seconds: must be"),
        ('set = { "clients.web.policies.tmeout.seconds" = 0 }', "36: clients.web.policies.tmeout.seconds: no element"),
        ('clients.web.arrivals.rate = 61\nexpect = [{ measure = "x", max = 1 }]', "37: expect.0.measure: there is no"),
        ("clients.web.arrivals.rate = 61\nrun.warmup = -1", "37: run.warmup: input should be"),
    ],
)
def test_a_mistake_in_a_variant_is_told_with_the_line_in_the_variant(variant: str, message: str) -> None:
    assert complaint(f"{TEXT}\n[variants.x]\n{variant}\n", "x").startswith(f"storm.toml:{message}")


def test_a_mistake_outside_of_the_variant_keeps_its_line() -> None:
    text = TEXT.replace("workers = 10", "workers = 0") + "\n[variants.x]\nservices.kv.queue.limit = 3\n"
    assert complaint(text, "x").startswith("storm.toml:5: services.kv.workers: ")
