"""Where the parts of the stack listen, and the file by which a second ``up`` and ``down`` find the first."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from stormlab.errors import StormlabError
from stormlab.live import http, ports
from stormlab.live.ports import HOST

#: How long ``down`` waits for the stack to end, in s.
PATIENCE = 30.0
ENVIRONMENT = "STORMLAB_STATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everything listens on loopback; replicas are behind ports of the proxy."""

    console: int = 8600
    control: int = 8474
    gateway: int = 8000
    kv: tuple[int, ...] = (8080, 8081)
    fibonacci: tuple[int, ...] = (3000, 3001)
    kv_proxied: tuple[int, ...] = (18080, 18081)
    fibonacci_proxied: tuple[int, ...] = (13000, 13001)
    prometheus: int = 9090
    jaeger: int = 16686
    jaeger_grpc: int = 16685
    otlp: int = 4318

    def all(self, *, without: Collection[str] = ()) -> list[int]:
        """Every port that has to be free, but those of the fields named."""
        numbers: list[int] = []
        for name, value in asdict(self).items():
            if name not in without:
                numbers += [value] if isinstance(value, int) else value
        return numbers

    def refuse_taken(self, *, without: Collection[str] = ()) -> None:
        """Raises BadInput, naming them, when something listens on one of the ports."""
        remedy = (
            "end what listens there (`stormlab doctor` shows the ports), choose other ports with --base-port, or leave "
            "out a part with --no-prometheus or --no-jaeger"
        )
        ports.refuse_taken(self.all(without=without), remedy=remedy)


def ports_from(base: int | None) -> Ports:
    """The usual ports, or a block of consecutive ones from ``base`` on."""
    if base is None:
        return Ports()
    return Ports(
        console=base,
        control=base + 1,
        gateway=base + 2,
        kv=(base + 3, base + 4),
        fibonacci=(base + 5, base + 6),
        kv_proxied=(base + 7, base + 8),
        fibonacci_proxied=(base + 9, base + 10),
        prometheus=base + 11,
        jaeger=base + 12,
        jaeger_grpc=base + 13,
        otlp=base + 14,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a running stack leaves for others to find: its process and the address of its page."""

    pid: int
    console: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.console}"

    def alive(self) -> bool:
        """Whether it is that stack that answers there, not another program with its process id."""
        try:
            return http.ask(self.console, "/api/state").get("pid") == self.pid
        except StormlabError:
            return False


def state_file() -> Path:
    """One stack for each user of this machine, unless ``STORMLAB_STATE`` names another file."""
    default = Path(tempfile.gettempdir()) / f"stormlab-{os.getuid()}" / "stack.json"
    return Path(os.environ.get(ENVIRONMENT, default))


def running() -> State | None:
    """The stack that is up; what an ended one left is removed."""
    path = state_file()
    try:
        state = State(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if state.alive():
        return state
    path.unlink(missing_ok=True)
    return None


def remember(state: State) -> None:
    path = state_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(json.dumps(asdict(state)), encoding="utf-8")


def forget() -> None:
    state_file().unlink(missing_ok=True)


def take_down(state: State) -> None:
    """End a running stack and wait until it is gone.

    Raises:
        StormlabError: it did not end in time.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(state.pid, signal.SIGTERM)
    limit = time.monotonic() + PATIENCE
    while state_file().exists():
        if time.monotonic() > limit:
            raise StormlabError(f"the stack (process {state.pid}) did not end within {PATIENCE:g} s")
        time.sleep(0.05)
