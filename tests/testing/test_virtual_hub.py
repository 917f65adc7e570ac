"""Virtual time on gevent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

gevent = pytest.importorskip("gevent", reason="gevent is in the extra 'live'")

from gevent.event import Event  # noqa: E402

from stormlab.testing.virtual_hub import run  # noqa: E402


def test_greenlets_share_one_virtual_clock() -> None:
    log: list[tuple[float, str]] = []

    def main(clock: Callable[[], float]) -> None:
        def client(name: str, pause: float) -> None:
            for _ in range(2):
                gevent.sleep(pause)
                log.append((clock(), name))

        gevent.joinall([gevent.spawn(client, "slow", 2.0), gevent.spawn(client, "fast", 0.75)])

    run(main)
    assert log == [(0.75, "fast"), (1.5, "fast"), (2.0, "slow"), (4.0, "slow")]


def test_time_outs_of_gevent_work() -> None:
    def main(clock: Callable[[], float]) -> float:
        with pytest.raises(gevent.Timeout), gevent.Timeout(3):
            Event().wait()
        gevent.sleep(1)
        return clock()

    assert run(main) == 4.0


def test_waiting_for_ever_is_an_error_and_not_a_hang() -> None:
    with pytest.raises(gevent.exceptions.LoopExit):
        run(lambda clock: Event().wait())


def test_greenlets_of_the_real_hub_take_no_part() -> None:
    outsider = gevent.spawn_later(3600, lambda: None)
    gevent.sleep(0)
    with pytest.raises(gevent.exceptions.LoopExit):
        run(lambda clock: Event().wait())
    assert run(lambda clock: gevent.sleep(7200) or clock()) == 7200.0
    outsider.kill()


def test_the_hub_of_the_thread_comes_back() -> None:
    before = gevent.get_hub()
    run(lambda clock: gevent.sleep(1))
    assert gevent.get_hub() is before
