"""Every experiment asserts its findings and draws them, from the command line, with any seed that it is given."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

#: Modules whose whole run is short; the others have tests of their own with smaller runs.
EXPERIMENTS = {
    "autoscaling": "servers before",
    "balancer_sinkhole": "succeed during the fault",
    "cache_loss": "lost for good",
    "cache_stampede": "queries per expiry",
    "cold_start": "by formula",
    "deep_health_checks": "succeed during the trouble",
    "gc_spiral": "on the way down",
    "redundancy": "by formula",
    "tail_at_scale": "published: 1,800 and 74",
    "traffic_spike": "of 500,000 saw the page",
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_main_asserts_the_findings_and_draws_the_figure(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = import_module(f"simulations.{name}")
    for constant, value in SHORTER.get(name, {}).items():
        assert hasattr(study, constant)
        monkeypatch.setattr(study, constant, value)
    study.main(["--seed", "3", "--out", str(tmp_path)])
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    assert EXPERIMENTS[name] in capsys.readouterr().out


#: Less of the same, for a test.
SHORTER: dict[str, dict[str, object]] = {
    "cache_loss": {"LOADS": (20, 60, 150)},
    "cold_start": {"CALLS": 20_000},
    "gc_spiral": {"RUNS": 1},
    "balancer_sinkhole": {"RUNS": 1},
    "redundancy": {"CYCLES": 100_000},
    "tail_at_scale": {"REQUESTS": 20_000, "LOADS": (0.2, 0.65)},
}
