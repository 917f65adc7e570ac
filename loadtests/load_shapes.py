"""The load shapes of Locust's page: they vary the rate of arrivals, or in a closed loop the number of users."""

from __future__ import annotations

from typing import ClassVar

from locust import LoadTestShape

from loadtests.stage import STAGE


class Shaped(LoadTestShape):
    """Follows the load that is being played; Locust asks once a second."""

    abstract = True
    use_common_options: ClassVar[bool] = True
    #: The word for it on the command line.
    word: ClassVar[str]

    def tick(self) -> tuple[int, float] | None:
        return STAGE.users()


class Constant(Shaped):
    word = "constant"


class Ramp(Shaped):
    word = "ramp"


class Step(Shaped):
    word = "step"


class Spike(Shaped):
    word = "spike"


class DailyWave(Shaped):
    word = "daily-wave"


class FlashCrowd(Shaped):
    word = "flash-crowd"


class Replay(Shaped):
    word = "replay"
