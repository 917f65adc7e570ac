"""The scenario that was started by its button: one at a time, as a child process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from stormlab.errors import BadInput
from stormlab.live import checkout
from stormlab.live.children import Child
from stormlab.live.herald import ENVIRONMENT


class Runner:
    """Starts `stormlab run NAME --live`; results go below ``folder``."""

    def __init__(self, *, console: str, control: str, folder: Path) -> None:
        self._console, self._control, self._folder = console, control, folder
        self._child: Child | None = None
        self._name = ""
        self._count = 0

    @staticmethod
    def catalogue() -> list[dict[str, Any]]:
        """Every scenario that can be read, with its variants."""
        from stormlab.scenario import loader

        found = []
        for name, path in loader.catalogue().items():
            try:
                source = loader.read(path)
            except BadInput:
                continue
            found.append({"name": name, "title": source.title, "variants": list(source.variants)})
        return found

    def start(self, name: str, variant: str) -> None:
        """Raises BadInput when one is under way, or there is no such scenario or variant."""
        from stormlab.scenario import loader

        if self._child is not None and self._child.status is None:
            raise BadInput(f"{self._name} is under way; stop it first")
        loader.load(name, variant=variant)
        self._count += 1
        self._name = f"{name} ({variant})" if variant else name
        out = self._folder / f"run-{self._count}"
        command = [sys.executable, "-m", "stormlab", "run", name, "--live", "--json"]
        command += ["--proxy", self._control, "--out", str(out), *(["--variant", variant] if variant else [])]
        log = self._folder / "scenario.log"
        env = {ENVIRONMENT: self._console, "OTEL_EXPORTER_OTLP_ENDPOINT": self._console}
        self._child = Child("scenario", command, log=log, cwd=checkout.root(), env=env)

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def state(self) -> dict[str, Any]:
        if self._child is None:
            return {"name": "", "running": False, "status": None}
        status = self._child.status
        said = self._child.last_words(1) if status is not None else ""
        return {"name": self._name, "running": status is None, "status": status, "said": said}
