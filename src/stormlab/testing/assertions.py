"""``assert_recovers``: a resilience claim as a line of a test suite, simulated in about a second."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stormlab.scenario.vocabulary import Word

if TYPE_CHECKING:
    from stormlab.scenario.overrides import Overrides
    from stormlab.scenario.result import Result

_GOOD = (Word.UNAFFECTED, Word.RECOVERED)


def assert_recovers(
    scenario: str | Path,
    *,
    variant: str = "",
    overrides: Overrides = (),
    within: float | None = None,
    seeds: int = 3,
) -> tuple[Result, ...]:
    """Fail unless ``scenario`` is unaffected by its faults, or recovers from them, with every seed; simulated.

    Args:
        scenario: a name that ``stormlab list`` shows, or a file.
        variant: one of its variants; empty for the file as it stands.
        overrides: dotted keys and values, or ``key=value`` texts, applied last.
        within: s after the end of the last fault; the scenario's ``run.recover_within`` when ``None``.
        seeds: how many seeds, 1 or more, from the scenario's own on.

    Returns:
        The runs, for further assertions.

    Raises:
        AssertionError: a run ended otherwise; the message has the verdict of each.
        stormlab.errors.BadInput: the scenario cannot be used, or ``within`` or ``seeds`` is not positive.
    """
    from stormlab.errors import BadInput
    from stormlab.scenario.loader import load
    from stormlab.scenario.overrides import texts
    from stormlab.sim import run

    __tracebackhide__ = True
    if seeds < 1 or (within is not None and within <= 0):
        raise BadInput(f"seeds must be 1 or more and within positive, not {seeds} and {within}")
    limit = [] if within is None else [f"run.recover_within={float(within)}"]
    resolved = load(scenario, variant=variant, overrides=[*texts(overrides), *limit])
    runs = tuple(run(resolved, seed=resolved.run.seed + n) for n in range(seeds))
    failed = [one for one in runs if one.verdict.word not in _GOOD]
    if failed:
        name = f"{resolved.name} ({variant})" if variant else resolved.name
        lines = [f"  seed {one.seed}: {one.verdict.sentence}" for one in failed]
        head = f"{name} does not recover within {resolved.run.recover_within:g} s with {len(failed)} of {seeds} seeds"
        raise AssertionError("\n".join([head, *lines]))
    return runs
