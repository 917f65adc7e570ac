"""From names, files, variants and options to scenarios, and back to files."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormlab.errors import BadInput
from stormlab.policies import Retry
from stormlab.scenario import loader
from stormlab.scenario.distributions import Fixed
from stormlab.scenario.model import Poisson, Scenario
from tests.scenario.building import SPIKE, scenario, source

TEXT = """
title = "a storm"
[run]
duration = 100
[services.kv]
workers = 10
service_time = { kind = "exponential", mean = 0.1 }
[clients.web]
target = "kv"
arrivals = { kind = "poisson", rate = 60 }
policies = [{ kind = "retry", max_retries = 3 }, { kind = "timeout", seconds = 1 }]

[variants.steady]
services.kv.service_time = { kind = "fixed", mean = 0.05 }
services.kv.queue.limit = 5
[variants.patient.set]
"clients.web.policies.timeout.seconds" = 4
[variants.bare]
clients.web.policies = []
"""


def rate(of: Scenario) -> float:
    arrivals = of.clients["web"].arrivals
    assert isinstance(arrivals, Poisson)
    return arrivals.rate


def every_variant() -> list[tuple[str, str]]:
    return [(name, v) for name in loader.catalogue() for v in ("", *loader.read(name).variants)]


@pytest.mark.parametrize(("name", "variant"), every_variant())
def test_every_scenario_loads_and_survives_writing_and_reading(name: str, variant: str, tmp_path: Path) -> None:
    loaded = loader.load(name, variant=variant)
    path = tmp_path / "dumped.toml"
    path.write_text(loader.dump(loaded), encoding="utf-8")
    assert loader.load(path).model_copy(update={"name": name, "variant": variant}) == loaded


def test_every_kind_of_disturbance_survives_writing_and_reading(tmp_path: Path) -> None:
    at = {"at": 20, "for": 5, "target": "kv"}
    everything = scenario(
        clients={"batch": {"target": "kv", "arrivals": {"kind": "trace", "times": [1, 2.5]}, "latency": 0.01}},
        faults=[
            SPIKE,
            {**at, "kind": "capacity", "speed": 0.5},
            {**at, "kind": "error", "probability": 0.1},
            {**at, "kind": "delay", "delay": 0.2},
            {**at, "kind": "stop", "replica": 0},
            {**at, "kind": "pause"},
            {**at, "kind": "latency", "latency": 0.1, "jitter": 0.05},
            {**at, "kind": "limit-data", "bytes": 100, "toxicity": 0.5},
            {"kind": "down", "at": 30, "target": "kv"},
        ],
        interventions=[
            {"kind": "block", "target": "web", "at": 40, "share": 0.5},
            {"kind": "change", "target": "services.kv", "at": 50, "set": {"workers": 20, "queue.limit": 5}},
        ],
        expect=[{"verdict": ["recovered", "unaffected"]}, {"measure": "queue", "window": [5, 10], "max": 3}],
    )
    path = tmp_path / "dumped.toml"
    path.write_text(loader.dump(everything), encoding="utf-8")
    assert loader.load(path).model_copy(update={"name": ""}) == everything


def test_a_variant_merges_tables_and_replaces_those_of_another_kind() -> None:
    steady = loader.resolve(source(TEXT), variant="steady").services["kv"]
    assert steady.service_time == Fixed(mean=0.05)
    assert (steady.queue.limit, steady.queue.discipline, steady.workers) == (5, "fifo", 10)


def test_a_variant_reaches_into_lists_with_dotted_keys_and_replaces_whole_lists() -> None:
    patient, bare = (loader.resolve(source(TEXT), variant=name) for name in ("patient", "bare"))
    assert [policy.kind for policy in patient.clients["web"].policies] == ["retry", "timeout"]
    assert getattr(patient.clients["web"].policies[1], "seconds", None) == 4
    assert bare.clients["web"].policies == ()


def test_options_come_last_and_hold_toml_values_or_words() -> None:
    loaded = loader.resolve(
        source(TEXT),
        variant="patient",
        overrides=[
            "clients.web.arrivals.rate=80",
            "clients.web.policies.timeout.seconds = 5",
            "clients.web.policies.retry.backoff={kind='fixed', delay=1}",
            "title=anything at all",
            "clients.web.shape=[[0, 1], [50, 2]]",
        ],
    )
    assert rate(loaded) == 80
    retry, timeout = loaded.clients["web"].policies
    assert isinstance(retry, Retry)
    assert retry.backoff.kind == "fixed"
    assert getattr(timeout, "seconds", None) == 5
    assert loaded.title == "anything at all"
    assert loaded.clients["web"].shape == ((0, 1), (50, 2))


def test_a_scenario_is_found_by_name_by_file_and_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tmp_path / "case_studies" / "my-study"
    study.mkdir(parents=True)
    (study / "scenario.toml").write_text(TEXT, encoding="utf-8")
    below = tmp_path / "deep" / "below"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert loader.load("retry-storm").name == "retry-storm"
    found = [loader.load(reference) for reference in ("my-study", study, study / "scenario.toml")]
    assert {(one.name, rate(one)) for one in found} == {("my-study", 60)}


def test_the_effective_scenario_knows_its_name_and_variant() -> None:
    loaded = loader.load("retry-storm", variant="budget")
    assert (loaded.name, loaded.variant) == ("retry-storm", "budget")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("retry-strom", "there is no scenario called 'retry-strom'; did you mean 'retry-storm'?; `stormlab list`"),
        (
            "retry-storm/budget",
            "there is no scenario called 'retry-storm/budget'; did you mean 'retry-storm' with --variant",
        ),
        ("mine", "there is no scenario called 'mine'; did you mean 'mine.toml'?"),
        ("missing.toml", "missing.toml: there is no such file; `stormlab list` shows"),
    ],
)
def test_what_is_not_there_is_named_with_a_remedy(
    reference: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    with pytest.raises(BadInput) as caught:
        loader.load(reference)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_no_text_or_no_toml_is_refused(tmp_path: Path) -> None:
    binary, broken = tmp_path / "binary.toml", tmp_path / "broken.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    broken.write_text("title = \n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"binary\.toml: cannot be read: .*utf-8"):
        loader.load(binary)
    with pytest.raises(BadInput, match=r"broken\.toml: this is not TOML: .*line 1"):
        loader.load(broken)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("nonsense", "--set nonsense: write it as key=value, for example --set clients.web.arrivals.rate=80"),
        (
            "clients.wbe.latency=1",
            "--set clients.wbe.latency=1: clients.wbe.latency: there is no 'wbe' here; did you mean 'web'? "
            "(there is: web)",
        ),
        (
            "run.duratoin=5",
            "--set run.duratoin=5: run.duratoin: unknown key; did you mean 'duration'?",
        ),
        (
            "clients.web.policies.timeout.seconds=0",
            "--set clients.web.policies.timeout.seconds=0: clients.web.policies.1.seconds: "
            "must be a finite number greater than 0, not 0",
        ),
    ],
)
def test_a_mistake_in_an_option_is_told_as_one(override: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        loader.resolve(source(TEXT), overrides=[override])
    assert str(caught.value) == message


def test_an_unknown_variant_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput) as caught:
        loader.resolve(source(TEXT), variant="stedy")
    assert str(caught.value) == (
        "storm.toml: there is no variant 'stedy'; did you mean 'steady'? (there is: steady, patient, bare)"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('name = "x"', "1: name: a scenario has the name of its file; remove this key"),
        ("variants = 3", "1: variants: write a table [variants.NAME] for each variant"),
        ("variants.x = 3", "1: variants.x: a variant, and `set` in it, has to be a table"),
        ("variants.x.set = 3", "1: variants.x: a variant, and `set` in it, has to be a table"),
    ],
)
def test_what_stands_where_it_cannot_is_refused(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "storm.toml"
    path.write_text(line + TEXT.partition("[variants")[0], encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        loader.load(path)
    assert str(caught.value) == f"{path}:{message}"
