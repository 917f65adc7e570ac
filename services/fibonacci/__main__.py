"""``python -m services.fibonacci``: exit 0 after SIGTERM, 2 when the input cannot be used."""

from __future__ import annotations

import sys

from services.common.program import main
from services.fibonacci.service import NAME, run
from services.fibonacci.settings import FibonacciSettings

if __name__ == "__main__":
    sys.exit(main(NAME, FibonacciSettings, run))
