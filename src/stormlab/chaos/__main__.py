"""``python -m stormlab.chaos``: the embedded Toxiproxy-compatible proxy server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stormlab.chaos.server.process import DEFAULT_PORT, serve
from stormlab.errors import BadInput


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to end. Returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m stormlab.chaos", description=serve.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1", help="address of the API (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port of the API (default: %(default)s)")
    parser.add_argument("--config", type=Path, help="JSON file with a list of proxies to start with")
    parser.add_argument("--seed", type=int, help="makes the draws of toxicity, jitter and slices repeatable")
    given = parser.parse_args(arguments)
    try:
        serve(host=given.host, port=given.port, config=given.config, seed=given.seed)
    except BadInput as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
