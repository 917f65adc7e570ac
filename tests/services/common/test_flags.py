"""Feature flags: who gets what, which word wins, and who counts as the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode

from services.common.asgi import Scope
from services.common.flag_rules import FlagRule
from services.common.flags import CURRENT, Caller, FlagFunction, Flags, SettingsProvider, caller_of
from services.kv.settings import KvSettings
from services.kv.storage import USE_NEW_STORAGE

PROXY = ("10.0.0.0/8",)


def request(peer: str = "127.0.0.1", **headers: str) -> Scope:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"client": (peer, 1), "headers": fields}


@contextmanager
def answering(scope: Scope) -> Iterator[None]:
    token = CURRENT.set(scope)
    yield
    CURRENT.reset(token)


def flags(function: FlagFunction | None = None, **settings: object) -> Flags:
    made = Flags("kv", KvSettings.known_flags, functions={} if function is None else {USE_NEW_STORAGE: function})
    made.configure(KvSettings.model_validate(settings))
    return made


def rule(**fields: object) -> dict[str, object]:
    return {USE_NEW_STORAGE: fields}


@pytest.mark.parametrize(
    ("address", "on"),
    [
        ("10.1.2.3", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.168.0.1", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:10.0.0.1", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("203.0.113.9", True),
        ("nonsense", False),
    ],
)
def test_by_network(address: str, on: bool) -> None:  # noqa: FBT001
    made = flags(flag_rules=rule(networks=["private", "loopback", "203.0.113.0/24"]))
    with answering(request(address)):
        assert made.on(USE_NEW_STORAGE) is on


def test_by_name() -> None:
    made = flags(flag_rules=rule(users=["ann"]))
    answers = []
    for user in ("ann", "bob"):
        with answering(request(x_stormlab_user=user)):
            answers.append(made.on(USE_NEW_STORAGE))
    assert answers == [True, False]


def test_by_percentage_of_users_who_stay_in_when_it_grows() -> None:
    def chosen(percentage: float) -> set[int]:
        each = FlagRule(percentage=percentage)
        return {n for n in range(4000) if each.holds(flag="f", user=f"user{n}", address=None)}

    quarter, half = chosen(25), chosen(50)
    assert 900 < len(quarter) < 1100
    assert quarter < half
    assert len(chosen(100)) == 4000


def test_who_has_no_name_is_in_no_percentage_but_the_whole() -> None:
    assert not FlagRule(percentage=99.9).holds(flag="f", user=None, address=None)
    assert FlagRule(percentage=100).holds(flag="f", user=None, address=None)


def test_a_set_flag_wins_over_a_rule_and_a_rule_over_a_function() -> None:
    everybody = rule(percentage=100)
    assert flags().on(USE_NEW_STORAGE) is False
    assert flags(lambda context: True).on(USE_NEW_STORAGE) is True
    assert flags(lambda context: True, flag_rules=rule()).on(USE_NEW_STORAGE) is False
    assert flags(flag_rules=everybody).on(USE_NEW_STORAGE) is True
    assert flags(flags={USE_NEW_STORAGE: False}, flag_rules=everybody).on(USE_NEW_STORAGE) is False


def test_a_function_gets_the_caller() -> None:
    seen: list[EvaluationContext] = []

    def noting(context: EvaluationContext) -> bool:
        seen.append(context)
        return True

    made = flags(noting)
    with answering(request("8.8.8.8", x_stormlab_user="ann")):
        made.on(USE_NEW_STORAGE)
    assert (seen[0].targeting_key, dict(seen[0].attributes)) == ("ann", {"address": "8.8.8.8"})


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("8.8.8.8", "127.0.0.1", "8.8.8.8"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "8.8.8.8", "8.8.8.8"),
        ("10.0.0.1", "127.0.0.1, 8.8.8.8", "8.8.8.8"),
        ("10.0.0.1", "8.8.8.8, 10.0.0.2", "8.8.8.8"),
        ("10.0.0.1", "nonsense", "nonsense"),
    ],
)
def test_a_forwarded_address_is_believed_from_trusted_proxies_only(peer: str, forwarded: str, caller: str) -> None:
    headers = {"x_forwarded_for": forwarded} if forwarded else {}
    assert caller_of(request(peer, **headers), PROXY) == Caller(None, caller)


def test_the_provider_knows_its_flags_and_their_type() -> None:
    provider = SettingsProvider(KvSettings.known_flags, {})
    assert provider.resolve_boolean_details("other", False).error_code is ErrorCode.FLAG_NOT_FOUND
    assert provider.resolve_string_details(USE_NEW_STORAGE, "").error_code is ErrorCode.TYPE_MISMATCH
