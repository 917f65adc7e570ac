"""``python -m services.gateway``: exit 0 after SIGTERM, 2 when the input cannot be used."""

from __future__ import annotations

import sys

from services.common.program import main
from services.gateway.service import NAME, run
from services.gateway.settings import GatewaySettings

if __name__ == "__main__":
    sys.exit(main(NAME, GatewaySettings, run))
