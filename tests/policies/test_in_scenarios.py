"""Every pattern can be named in a scenario, and plays there."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from stormlab.policies import Retry
from stormlab.scenario.patterns import GuardSpec, PolicySpec
from tests.policies.test_contract import CONFIGS

SPEC: TypeAdapter[Any] = TypeAdapter(Annotated[PolicySpec | GuardSpec, Field(discriminator="kind")])


def test_callers_or_servers_can_name_every_policy() -> None:
    assert {*get_args(get_args(PolicySpec)[0]), *get_args(get_args(GuardSpec)[0])} == set(CONFIGS)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_its_kind_is_its_name_in_toml(config: type[Any]) -> None:
    assert SPEC.validate_python({"kind": config().kind}) == config()


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be a whole number, 1 or more"):
        SPEC.validate_python({"kind": "bulkhead", "limit": 0})
    assert SPEC.validate_python({"kind": "retry", "backoff": {"kind": "none"}}) != Retry()
