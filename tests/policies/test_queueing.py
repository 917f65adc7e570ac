"""The waiting line by hand: who is next, who has waited too long, and the constants of "Fail at Scale"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlab.errors import InvalidValue
from stormlab.policies.queueing import INTERVAL, TARGET, Discipline, WaitingLine


def line(discipline: Discipline, limit: int = 100) -> WaitingLine[int]:
    return WaitingLine(limit=limit, discipline=discipline)


def test_the_published_constants() -> None:
    """B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015: M = 5 ms, N = 100 ms."""
    assert (TARGET, INTERVAL) == (0.005, 0.1)
    assert (line(Discipline.CODEL).target, line(Discipline.CODEL).interval) == (0.005, 0.1)


@pytest.mark.parametrize(
    ("discipline", "at_once", "standing"),
    [
        (Discipline.FIFO, [0, 1, 2], [0, 1, 2]),
        (Discipline.LIFO, [2, 1, 0], [2, 1, 0]),
        (Discipline.ADAPTIVE_LIFO, [0, 1, 2], [2, 1, 0]),
    ],
)
def test_who_is_next(discipline: Discipline, at_once: list[int], standing: list[int]) -> None:
    for now, order in ((0.05, at_once), (0.2, standing)):
        jobs = line(discipline)
        for job in range(3):
            assert jobs.join(0.0, job)
        assert [jobs.take(now) for _ in range(3)] == order
        assert jobs.take(now) is None


def test_with_codel_a_request_may_wait_the_interval_and_in_a_standing_queue_only_the_target() -> None:
    jobs = line(Discipline.CODEL)
    jobs.join(0.0, 0)
    assert jobs.expired(0.1) == []
    jobs.join(0.09, 1)
    assert jobs.expired(0.1001) == [0]
    jobs.join(0.15, 2)
    assert jobs.standing(0.15)
    assert jobs.expired(0.155) == []
    assert jobs.expired(0.1551) == [2]
    assert len(jobs) == 1


def test_a_queue_that_has_been_empty_is_not_a_standing_one() -> None:
    jobs = line(Discipline.CODEL)
    jobs.join(0.0, 0)
    assert jobs.take(0.05) == 0
    jobs.join(0.3, 1)
    assert not jobs.standing(0.35)
    assert jobs.expired(0.4) == []


def test_a_full_line_takes_nobody() -> None:
    jobs = line(Discipline.FIFO, limit=2)
    assert [jobs.join(0.0, job) for job in range(3)] == [True, True, False]
    with pytest.raises(InvalidValue, match="target"):
        WaitingLine(limit=1, target=0)


@given(
    st.sampled_from(list(Discipline)),
    st.lists(st.tuples(st.booleans(), st.floats(0, 0.08)), max_size=60),
)
def test_everybody_leaves_once_and_the_wait_is_counted(discipline: Discipline, steps: list[tuple[bool, float]]) -> None:
    jobs, now, joined, left, waited = line(discipline, limit=10), 0.0, {}, [], 0.0
    for number, (joins, gap) in enumerate(steps):
        now += gap
        left += jobs.expired(now)
        if joins:
            if jobs.join(now, number):
                joined[number] = now
        elif (job := jobs.take(now)) is not None:
            left.append(job)
            waited += now - joined[job]
        assert len(jobs) <= 10
    left += jobs.clear()
    assert sorted(left) == sorted(joined)
    assert jobs.waited == pytest.approx(waited)
