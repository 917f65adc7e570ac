"""The cascade of overloaded servers against its condition u·n/(n−k) > 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulations import overload_cascade as study


def test_the_survivor_crashes_when_its_memory_is_full() -> None:
    """1,200 requests/s meet 1,000 answers/s: a queue of 1,000 is full after five seconds."""
    run = study.play([1_200], servers=2)
    crashed_at = np.flatnonzero(~run.up[:, 0, 1])[0] * study.STEP
    assert crashed_at == pytest.approx(study.FAILS_AT + 5, abs=1.5)


def test_without_a_failure_nothing_happens() -> None:
    run = study.play([1_200, 1_900], servers=2, failing=0)
    assert run.up.all()
    assert run.goodput.mean() == pytest.approx(1_200, rel=0.01)


def test_a_fleet_that_can_carry_the_load_is_whole_again_after_the_outage() -> None:
    run = study.play([900], servers=2)
    assert run.up[round(31 / study.STEP) :].all()


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_the_condition_decides(failing: int) -> None:
    for servers, crashed in study.cascade_map(failing=failing, seed=5).items():
        load = study.survivors_utilisation(study.UTILISATIONS, servers=servers, failing=failing)
        decided = abs(load - 1) > 0.02
        assert (crashed == (load > 1))[decided].all()


def test_a_seed_decides_everything() -> None:
    first, again, other = (study.play([1_200], servers=2, seed=seed, seconds=12).served for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_main_asserts_the_findings_and_draws_the_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.main(["--seed", "3", "--out", str(tmp_path)])
    assert (tmp_path / "overload_cascade.png").stat().st_size > 10_000
    assert "2 servers at 60%" in capsys.readouterr().out
