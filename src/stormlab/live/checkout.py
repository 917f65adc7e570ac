"""Where the checkout is: the live world runs services and load tests that are not part of the installed library."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from stormlab.errors import BadInput, how_to_install

_MARK = Path("services") / "kv" / "__main__.py"
_NEEDED = {"locust": "live", "aiohttp": "chaos", "starlette": "services", "prometheus_client": "services"}


def root() -> Path:
    """The folder that holds ``services/`` and ``loadtests/``.

    Raises:
        BadInput: there is none around the library or the current directory.
    """
    for folder in _candidates():
        if (folder / _MARK).is_file():
            return folder
    raise BadInput(
        "a live run needs a checkout of stormlab (services/ and loadtests/ are not in the installed package): "
        "clone the repository and run the command inside it"
    )


def require_extras() -> None:
    """Raises BadInput, naming the extra to install, when what runs live would lack a library."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        extras = ", ".join(sorted({_NEEDED[name] for name in missing}))
        raise BadInput(
            f"running live needs {', '.join(missing)}: install the extras {extras}; {how_to_install('live')}"
        )


def _candidates() -> Iterator[Path]:
    yield Path(__file__).resolve().parents[3]
    here = Path.cwd()
    yield from (here, *here.parents)
