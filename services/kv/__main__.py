"""``python -m services.kv``: exit 0 after SIGTERM, 2 when the input cannot be used, 1 when the log is damaged."""

from __future__ import annotations

import sys

from services.common.program import main
from services.kv.service import NAME, run
from services.kv.settings import KvSettings

if __name__ == "__main__":
    sys.exit(main(NAME, KvSettings, run))
