"""The file of upstreams: the policies of a scenario, and mistakes that are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.common.upstream import CAREFUL
from services.gateway.settings import read_upstreams
from stormlab.errors import BadInput
from stormlab.policies import CircuitBreaker, Retry, describe

TOML = """
[kv]
replicas = ["127.0.0.1:1", "[::1]:2"]
balancing = "two-choices"
policies = [{ kind = "retry", max_retries = 1 }, { kind = "circuit-breaker", window = 10, minimum = 10 }]
"""


def write(folder: Path, text: str, name: str = "upstreams.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_toml_file(tmp_path: Path) -> None:
    upstreams = read_upstreams(write(tmp_path, TOML))
    retry, breaker = upstreams.kv.policies
    assert isinstance(retry, Retry)
    assert isinstance(breaker, CircuitBreaker)
    assert (retry.max_retries, breaker.window, upstreams.kv.balancing) == (1, 10, "two-choices")
    assert upstreams.fibonacci.policies == CAREFUL


def test_a_json_file_says_the_same(tmp_path: Path) -> None:
    tree = {"kv": {"replicas": ["127.0.0.1:1"], "policies": [{"kind": "hedge", "delay": 0.1}]}}
    upstreams = read_upstreams(write(tmp_path, json.dumps(tree), "upstreams.json"))
    assert describe(upstreams.kv.policies) == "hedge → call"


def test_without_a_file_careful_policies_apply() -> None:
    assert describe(read_upstreams(None).kv.policies) == "deadline → retry → retry-budget → timeout → call"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kv = 3", "kv"),
        ("[kv]\nreplicas = []", "kv.replicas"),
        ('[kv]\nreplicas = ["nowhere"]', "kv.replicas"),
        ('[kv]\nreplicas = ["a:1"]\npolicies = [{ kind = "rety" }]', "retry"),
        ('[kv]\nreplicas = ["a:1"]\npolicies = [{ kind = "timeout", seconds = -1 }]', "seconds"),
        ('[kv]\nreplica = ["a:1"]', "replica"),
        ('[shop]\nreplicas = ["a:1"]', "shop"),
        ('[fibonacci]\nreplicas = ["a:1"]\nprotocol = "grpc"', "http only"),
        ('[kv]\nreplicas = ["a:1"]\nprotocol = "grpc"', "kv.probes"),
        ('[kv]\nreplicas = ["a:1"]\nprobes = ["a:1", "a:2"]', "kv.probes"),
        ("[kv", "UPSTREAMS_FILE"),
    ],
)
def test_mistakes_name_the_file_and_the_place(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        read_upstreams(path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_upstreams(Path("/nowhere/upstreams.toml"))
