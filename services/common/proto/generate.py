"""Writes the Python code of every ``.proto`` file in this folder: ``make generated``."""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]


def main() -> int:
    """Runs the protocol compiler; its exit status."""
    files = [str(path.relative_to(ROOT)) for path in sorted(FOLDER.glob("*.proto"))]
    outputs = [f"--{kind}_out={ROOT}" for kind in ("python", "pyi", "grpc_python")]
    status: int = protoc.main(["protoc", f"--proto_path={ROOT}", *outputs, *files])
    return status


if __name__ == "__main__":
    sys.exit(main())
