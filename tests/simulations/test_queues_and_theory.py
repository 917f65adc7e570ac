"""Closed forms against simulations from the definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulations import queues_and_theory as study


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the length; ``make nightly`` plays them in full, with other seeds."""
    monkeypatch.setattr(study, "LENGTH", 0.25)


def test_main_asserts_the_findings_and_draws_the_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.main(["--seed", "5", "--out", str(tmp_path)])
    assert (tmp_path / "queues_and_theory.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert "M/M/100 W" in printed
    assert "outside" not in printed, "with this seed every formula lies in its interval"


def test_a_wrong_formula_is_noticed() -> None:
    draws = np.random.default_rng(1)
    right = [*study.tries(draws), *study.parts(draws)]
    study.check(right)
    wrong = study.Line(name="wrong", formula=right[0].formula * 1.02, simulated=right[0].simulated)
    with pytest.raises(AssertionError):
        study.check([*right[1:], wrong])


def test_how_many_may_lie_outside_by_chance() -> None:
    assert [study.most_outside(lines) for lines in (1, 10, 70, 100)] == [1, 2, 4, 5]
