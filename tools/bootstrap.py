"""Puts a pinned uv into .tools/ with nothing but a Python: ``python tools/bootstrap.py 0.13.9``.

pip comes with Python, except on Debian, where ``ensurepip`` is a package of its own; there it comes from PyPI.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import urllib.request
import venv
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

TOOLS = Path(__file__).parent.parent / ".tools"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
PIP_URL = (
    "https://files.pythonhosted.org/packages/07/25/"
    "ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/pip-26.3-py3-none-any.whl"
)


def downloaded_pip() -> Path:
    """A pip that runs from its own wheel."""
    with urllib.request.urlopen(PIP_URL, timeout=120) as answer:
        content: bytes = answer.read()
    if hashlib.sha256(content).hexdigest() != PIP_SHA256:
        sys.exit(f"{PIP_URL} is not the file it should be; install python3-venv and try again")
    wheel = TOOLS / PurePosixPath(PIP_URL).name
    wheel.write_bytes(content)
    return wheel / "pip"


def main(uv_version: str) -> None:
    with_pip = find_spec("ensurepip") is not None
    venv.create(TOOLS, with_pip=with_pip, symlinks=True)
    pip = ["-m", "pip"] if with_pip else [str(downloaded_pip())]
    quietly = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([TOOLS / "bin" / "python", *pip, "install", *quietly, f"uv=={uv_version}"], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
