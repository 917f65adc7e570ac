"""Adapters by name: own, installed, missing, broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from services.common import plugins
from stormlab.errors import BadInput

GROUP = "stormlab.kv.logs"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "theirs": "math:sqrt",
        "file": "math:cos",
        "broken": "no_such_module:x",
        "incomplete": "math:no_such_function",
    }

    def entry_points(*, group: str) -> EntryPoints:
        return EntryPoints(EntryPoint(name, value, group) for name, value in points.items() if group == GROUP)

    monkeypatch.setattr(plugins, "entry_points", entry_points)


def load(name: str) -> object:
    return plugins.load_adapter(GROUP, name, {"file": "math:floor"}, setting="TLOG_TYPE")


def test_an_installed_adapter_is_found_by_its_name() -> None:
    import math

    assert load("theirs") is math.sqrt


def test_nobody_takes_the_name_of_an_own_adapter() -> None:
    import math

    assert load("file") is math.floor


@pytest.mark.parametrize(
    ("name", "says"),
    [("fiel", "choose one of: broken, file, incomplete, theirs"), ("broken", "no_such_module"), ("incomplete", "no_s")],
)
def test_what_cannot_be_had_is_refused(name: str, says: str) -> None:
    with pytest.raises(BadInput, match=f"TLOG_TYPE: .*{says}"):
        load(name)
