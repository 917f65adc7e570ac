"""``stormlab up``: what to start, and everything ended on the way out."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stormlab.console import site
from stormlab.console.parts import Parts, Wanted
from stormlab.errors import BadInput
from stormlab.live import programs

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to start: ``None`` for those of the observers that are found, True and False to demand or forbid one.

    ``proxy`` is as in :func:`stormlab.live.programs.toxiproxy`; ``base`` the first of a block of ports.
    """

    base: int | None = None
    proxy: str = "auto"
    prometheus: bool | None = None
    jaeger: bool | None = None
    rules: Path | None = None

    def wanted(self) -> Wanted:
        """Raises BadInput when something is demanded and not there."""
        return Wanted(
            toxiproxy=programs.toxiproxy(self.proxy),
            prometheus=_observer("prometheus", demanded=self.prometheus),
            jaeger=_observer("jaeger", demanded=self.jaeger),
            rules=self.rules,
        )


def _observer(name: str, *, demanded: bool | None) -> Path | None:
    if demanded is None:
        return programs.find(name)
    return programs.required(name) if demanded else None


def up(options: Options, say: Say) -> None:
    """Run the stack until SIGTERM or SIGINT.

    Raises:
        BadInput: a stack is up, a port is taken, or something is not installed; nothing was started then.
        StormlabError: a part did not start, or ended by itself.
    """
    began = time.monotonic()
    already = site.running()
    if already is not None:
        raise BadInput(f"a stack is up at {already.url}; end it with `stormlab down`")
    wanted, places = options.wanted(), site.ports_from(options.base)
    places.refuse_taken(without=wanted.left_out())
    with tempfile.TemporaryDirectory(prefix="stormlab-stack-") as scratch:
        parts = Parts(places, Path(scratch), wanted)
        try:
            parts.launch()
            from stormlab.console.serving import serve  # the page takes a second to import: meanwhile the parts start

            asyncio.run(serve(places, parts, Path(scratch), say, began=began))
        finally:
            parts.stop()
            site.forget()
