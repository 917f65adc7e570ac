"""The byte counters of Toxiproxy (github.com/Shopify/toxiproxy, METRICS.md), in the text format of Prometheus.

Toxiproxy adds the bytes of a connection when it has ended; these count as they flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from stormlab.chaos.server.proxy import Proxy
from stormlab.chaos.toxics import Stream

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_METRICS: Final[tuple[tuple[str, str, Callable[[Proxy, Stream], int]], ...]] = (
    ("toxiproxy_proxy_received_bytes_total", "Bytes received by the proxy.", Proxy.received),
    ("toxiproxy_proxy_sent_bytes_total", "Bytes sent by the proxy.", Proxy.sent),
)


def exposition(proxies: Iterable[Proxy]) -> str:
    """What ``GET /metrics`` answers."""
    return "".join(f"{line}\n" for line in _lines(list(proxies)))


def _lines(proxies: list[Proxy]) -> Iterator[str]:
    for name, description, count in _METRICS:
        yield f"# HELP {name} {description}"
        yield f"# TYPE {name} counter"
        for proxy in proxies:
            for stream in Stream:
                yield f"{name}{{{_labels(proxy, stream)}}} {count(proxy, stream)}"


def _labels(proxy: Proxy, stream: Stream) -> str:
    labels = {"direction": stream, "listener": proxy.listen, "proxy": proxy.name, "upstream": proxy.upstream}
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
