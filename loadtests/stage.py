"""What a process of a load generator is doing: shared by the hooks of Locust, its user classes and its load shapes."""

from __future__ import annotations

from collections.abc import Callable

from loadtests.performance import Performance


def _nobody() -> tuple[int, float] | None:
    return None


class Stage:
    """``performance`` is what is being played here; ``users`` says how many users Locust is to have, and how fast."""

    def __init__(self) -> None:
        self.performance: Performance | None = None
        self.users: Callable[[], tuple[int, float] | None] = _nobody


STAGE = Stage()
