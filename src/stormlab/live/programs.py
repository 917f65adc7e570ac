"""Programs of others that are used when they are there: where they are, what for, and where to get them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stormlab.errors import BadInput

#: What each is for, and how to get it.
PROGRAMS = {
    "toxiproxy-server": ("the real chaos proxy", "run `make real-parts`, or see github.com/Shopify/toxiproxy"),
    "prometheus": ("metrics", "run `make real-parts`, or see prometheus.io/download"),
    "promtool": ("checks of metrics and rules", "run `make real-parts`, or see prometheus.io/download"),
    "grafana": ("dashboards", "see grafana.com/grafana/download"),
    "jaeger": ("traces", "run `make real-parts`, or see jaegertracing.io/download"),
    "docker": ("the stack in containers", "see docs.docker.com/engine/install"),
    "go": ("building the real Toxiproxy and Jaeger", "see go.dev/dl"),
    "chromium": ("pictures of the console, and its tests", "run `make real-parts`, or install chromium"),
}
#: The chaos proxies to choose from.
PROXIES = ("auto", "embedded", "toxiproxy")
_TOXIPROXY = "toxiproxy-server"
_OTHER_NAMES = {"toxiproxy-server": ("toxiproxy",), "chromium": ("chromium-browser", "google-chrome")}
_TOOLS = Path(__file__).resolve().parents[3] / ".tools" / "bin"


def find(name: str) -> Path | None:
    """A program on PATH, or in ``.tools/bin`` of the checkout, where ``make real-parts`` puts it."""
    return on_path(name, os.pathsep.join([os.environ.get("PATH", os.defpath), str(_TOOLS)]))


def on_path(name: str, path: str | None = None) -> Path | None:
    """A program on PATH, or in the folders of ``path``, under any of the names that it goes by."""
    for word in (name, *_OTHER_NAMES.get(name, ())):
        if (found := shutil.which(word, path=path)) is not None:
            return Path(found)
    return None


def required(name: str) -> Path:
    """As :func:`find`.

    Raises:
        BadInput: it is not on this machine; the message says how to get it.
    """
    found = find(name)
    if found is None:
        raise BadInput(f"{name} is neither on PATH nor in .tools/bin: {PROGRAMS[name][1]}")
    return found


def toxiproxy(kind: str) -> Path | None:
    """The Toxiproxy to start, ``None`` for the embedded proxy.

    Args:
        kind: ``embedded``; ``toxiproxy``, on PATH or in ``.tools/bin``; ``auto``, a Toxiproxy if there is one on PATH.

    Raises:
        BadInput: it is none of these, or Toxiproxy is not there.
    """
    match kind:
        case "embedded":
            return None
        case "auto":
            return on_path(_TOXIPROXY)
        case "toxiproxy":
            return required(_TOXIPROXY)
    raise BadInput(f"proxy: {kind!r} is none of {', '.join(PROXIES)} and no http:// address")
