"""Gathers what a running stack says of itself: its console, every scrape page, Prometheus and Jaeger."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from stormlab.console.checkup import AT_REST, Facts
from stormlab.console.site import State
from stormlab.errors import StormlabError
from stormlab.live import checkout, http
from stormlab.live.footprint import footprints

_OBSERVERS = ("prometheus", "jaeger")
#: Grafana's variables, all values chosen.
_VARIABLE = re.compile(r"\$\{?\w+\}?")
#: How far back panels are asked for, in s.
_WINDOW = 60


def look(stack: State) -> Facts:
    """Raises StormlabError when the console does not answer."""
    port, answers = stack.console, _ask(stack.console, "/api/state")
    links: Mapping[str, str] = answers["links"]
    prometheus, jaeger = (_port_of(links.get(name)) for name in ("Prometheus", "Jaeger"))
    return Facts(
        now=time.time(),
        state=answers,
        samples=_ask(port, "/api/samples"),
        proxies=_ask(port, "/api/proxies"),
        traces=_ask(port, "/api/traces?limit=50")["data"],
        scraped={target["name"]: _answers(target["port"]) for target in answers["targets"]},
        memory=_memory(stack.pid),
        up=None if prometheus is None else _up(prometheus),
        panels=None if prometheus is None else _panels(prometheus),
        firing=None if prometheus is None else _firing(prometheus),
        known=None if jaeger is None else _ask(jaeger, "/api/services")["data"] or [],
    )


def panel_queries(root: Path) -> Iterator[tuple[str, str]]:
    """Title and PromQL of everything that the dashboards of a stack at rest draw."""
    for uid in AT_REST:
        page = json.loads((root / "deploy" / "grafana" / "dashboards" / f"{uid}.json").read_text(encoding="utf-8"))
        for panel in page["panels"]:
            for target in panel["targets"]:
                yield f"{page['title']}: {panel['title']}", _VARIABLE.sub(".*", target["expr"])


def _panels(port: int) -> dict[str, bool]:
    """Of each panel, whether each of its queries has data."""
    found: dict[str, bool] = {}
    titles, queries = zip(*panel_queries(checkout.root()), strict=True)
    with ThreadPoolExecutor(4) as pool:
        for title, has in zip(titles, pool.map(lambda query: _has_data(port, query), queries), strict=True):
            found[title] = found.get(title, True) and has
    return found


def _has_data(port: int, query: str) -> bool:
    now = time.time()
    words = urlencode({"query": query, "start": now - _WINDOW, "end": now, "step": 1})
    return bool(_ask(port, f"/api/v1/query_range?{words}")["data"]["result"])


def _up(port: int) -> dict[str, bool]:
    found = _ask(port, "/api/v1/targets?state=active")["data"]["activeTargets"]
    return {f"{one['labels']['job']} {one['labels']['instance']}": one["health"] == "up" for one in found}


def _firing(port: int) -> list[str]:
    found = _ask(port, "/api/v1/alerts")["data"]["alerts"]
    return sorted({one["labels"]["alertname"] for one in found if one["state"] == "firing"})


def _memory(pid: int) -> int | None:
    """Bytes of the stack without Prometheus and Jaeger, shared pages counted once."""
    own = [one for one in footprints(pid) if Path(one.command.partition(" ")[0]).name not in _OBSERVERS]
    return sum(one.pss for one in own) or None


def _answers(port: int) -> bool:
    try:
        return http.exchange("GET", port, "/metrics", seconds=2.0)[0] == 200
    except OSError:
        return False


def _port_of(url: str | None) -> int | None:
    return None if url is None else urlsplit(url).port


def _ask(port: int, path: str) -> Any:
    try:
        status, body = http.exchange("GET", port, path)
        if status == 200:
            return json.loads(body)
    except (OSError, ValueError) as error:
        raise StormlabError(f"GET {path} on port {port}: {error}") from error
    raise StormlabError(f"GET {path} on port {port} was refused with {status}")
