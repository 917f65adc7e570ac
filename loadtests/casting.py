"""Who plays the clients of a load: the user classes that were chosen, or those of a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gevent.pool import Pool
from locust.env import Environment

from loadtests.asks import Ask, Choice, key_of, value_of
from loadtests.options import Settings
from loadtests.plan import Role
from loadtests.transports import Http, Transport
from loadtests.users import LoadUser
from stormlab.errors import BadInput
from stormlab.scenario.model import Scenario

#: Keys that are written at the same time before a run, and how many of a scenario's client at most.
FILLERS, MOST_FILLED = 16, 10_000


def loaders(environment: Environment) -> list[type[LoadUser]]:
    """The user classes that were chosen, of those that make load our way."""
    return [one for one in environment.user_classes if issubclass(one, LoadUser)]


class Casting:
    """The parts of one load."""

    def __init__(self, settings: Settings, classes: Sequence[type[LoadUser]]) -> None:
        self._settings = settings
        self.classes = (
            {} if settings.scenario else {one.role(): one for one in sorted(classes, key=lambda one: one.role())}
        )

    @property
    def roles(self) -> list[Role]:
        return [Role(name, float(one.weight)) for name, one in self.classes.items()]

    def transport(self, client: str) -> Transport:
        if client in self.classes:
            return self.classes[client].transport(self._settings)
        return Http(self._settings.host or self._settings.kv_url)

    def choice(self, client: str) -> Choice | None:
        return self.classes[client].kind(self._settings) if client in self.classes else None

    def fill(self, scenario: Scenario) -> None:
        """Write the keys that will be read.

        Raises:
            BadInput: one could not be written.
        """
        pool = Pool(FILLERS)
        for client in scenario.clients:
            for writer in self._writers(client):
                found = [one for one in pool.imap_unordered(writer, self._keys(scenario, client)) if one]
                if found:
                    raise BadInput(f"{found[0]}; is the service up? (--fill no leaves this out)")

    def _keys(self, scenario: Scenario, client: str) -> Iterator[str]:
        if client in self.classes:
            if self.classes[client].reads_keys:
                yield from map(key_of, range(self._settings.keys))
            return
        yield "stormlab"
        keys = scenario.clients[client].keys
        if keys is not None:
            yield from (f"k{number}" for number in range(min(keys.count, MOST_FILLED)))

    def _writers(self, client: str) -> list[_Writer]:
        """One, or one for each replica that has to be told by itself."""
        value = value_of(self._settings)
        if client in self.classes and self.classes[client].protocol == "grpc":
            return [_Writer(self.transport(client), "", value, client)]
        urls = [url.strip() for url in self._settings.fill_urls.split(",") if url.strip()]
        transports: list[Transport] = [Http(url) for url in urls] or [self.transport(client)]
        return [_Writer(transport, "/v1/", value, client) for transport in transports]


class _Writer:
    """Writes a key; answers with what was wrong, or with nothing."""

    def __init__(self, transport: Transport, prefix: str, value: bytes, client: str) -> None:
        self._transport, self._prefix, self._value, self._client = transport, prefix, value, client

    def __call__(self, key: str) -> str:
        outcome = self._transport.exchange(Ask("PUT", self._prefix + key, self._value), {})
        return "" if outcome.ok else f"{self._client}: the key {key} could not be written: {outcome.reason}"
