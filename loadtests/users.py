"""The user classes. In an open loop they only say what is asked for and where; in a closed loop they are the load."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import gevent
from locust import User, task

from loadtests import asks
from loadtests.options import Settings
from loadtests.stage import STAGE
from loadtests.transports import Grpc, Http, Transport
from stormlab.scenario.model import Closed
from stormlab.scenario.streams import stream

_ordinals = itertools.count()


class LoadUser(User):
    """One of them in a closed loop; in an open loop a placeholder, of which each worker has one per class."""

    abstract = True
    #: What its requests ask for, and over what.
    kind: ClassVar[Any] = staticmethod(asks.reads)
    protocol: ClassVar[Literal["http", "grpc"]] = "http"
    #: The option that says where the service is, unless there is a host.
    address: ClassVar[str] = "kv_url"
    #: Whether what it reads has to be there before.
    reads_keys: ClassVar[bool] = True

    @classmethod
    def role(cls) -> str:
        """The name of this class among the clients of a load: ``kv-reader``."""
        words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in cls.__name__)
        return words.lstrip("-")

    @classmethod
    def transport(cls, settings: Settings) -> Transport:
        target = settings.host or getattr(settings, cls.address)
        return Grpc(target) if cls.protocol == "grpc" else Http(target)

    @task
    def play(self) -> None:
        performance = STAGE.performance
        if performance is None or performance.over:
            gevent.sleep(0.1)
            return
        client = performance.job.scenario.clients.get(self.role())
        if client is None or not isinstance(client.arrivals, Closed):
            gevent.sleep(0.5)
            return
        ordinal = str(next(_ordinals))
        performance.live(self.role(), ordinal, self._thinking(performance.job.settings, ordinal))

    def _thinking(self, settings: Settings, ordinal: str) -> Callable[[], None]:
        """Waits, in a way that Locust may end when the number of users falls."""
        mean = settings.think_time
        if mean == 0:
            return lambda: gevent.sleep(0)
        draw = stream(settings.seed, "client", self.role(), "think", ordinal).expovariate
        return lambda: gevent.sleep(draw(1 / mean))


class KvReader(LoadUser):
    """Reads keys of the key-value service."""

    kind = staticmethod(asks.reads)


class KvWriter(LoadUser):
    """Writes keys of the key-value service."""

    kind = staticmethod(asks.writes)
    reads_keys = False


class KvMixed(LoadUser):
    """Reads, and writes in the share ``--write-share``."""

    kind = staticmethod(asks.mixed)


class KvHotKey(LoadUser):
    """Reads, most of them one key."""

    kind = staticmethod(asks.hot_key)


class KvGrpc(LoadUser):
    """Reads and writes over gRPC."""

    kind = staticmethod(asks.over_grpc(asks.mixed))
    protocol = "grpc"
    address = "kv_grpc"


class Fibonacci(LoadUser):
    """Asks for a number."""

    kind = staticmethod(asks.fibonacci)
    address = "fibonacci_url"
    reads_keys = False


class GatewayBrowser(LoadUser):
    """Reads, asks for numbers and writes, through the gateway."""

    kind = staticmethod(asks.browser)
    address = "gateway_url"
