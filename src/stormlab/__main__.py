"""``python -m stormlab``."""

from __future__ import annotations

from stormlab.cli import main

if __name__ == "__main__":
    main()
