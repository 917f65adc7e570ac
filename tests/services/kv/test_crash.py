"""The crash test, few kills of it, and that it would notice a loss."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.services.kv.cluster import MISSING, binaries
from tests.services.kv.ledger import Lost, Register
from tests.services.running import ROOT

FEW = ("--kills", "4", "--writers", "4")


def crash_test(*arguments: str, on: str = "crash") -> tuple[int, str]:
    command = [sys.executable, "-m", f"tests.services.kv.{on}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    return done.returncode, done.stdout


@pytest.mark.live
def test_what_was_acknowledged_survives() -> None:
    code, text = crash_test(*FEW)
    assert code == 0, text
    assert "4 kills" in text


@pytest.mark.live
def test_a_loss_is_noticed() -> None:
    code, text = crash_test(*FEW, "--sabotage")
    assert (code, "FAILED" in text) == (1, True)


@pytest.mark.real
@pytest.mark.live
@pytest.mark.skipif(binaries() is None, reason=MISSING)
def test_on_postgresql_through_the_proxy_nothing_is_lost_either() -> None:
    code, text = crash_test("--rounds", "3", on="crash_postgres")
    assert code == 0, text
    assert "3 kills" in text


@pytest.mark.parametrize("found", [b"acknowledged", b"possible", None])
def test_a_register_accepts_what_was_acknowledged_or_possible(found: bytes | None) -> None:
    register = Register("k", b"acknowledged", [b"possible", None])
    register.check(found)
    assert (register.acknowledged, register.possible) == (found, [])


@pytest.mark.parametrize("found", [b"older", None])
def test_a_register_accepts_nothing_else(found: bytes | None) -> None:
    with pytest.raises(Lost):
        Register("k", b"acknowledged", [b"possible"]).check(found)
