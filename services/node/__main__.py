"""``python -m services.node``: exit 0 after SIGTERM, 2 when the input cannot be used."""

from __future__ import annotations

import sys

from services.common.program import main
from services.node.service import NAME, run
from services.node.settings import NodeSettings

if __name__ == "__main__":
    sys.exit(main(NAME, NodeSettings, run))
