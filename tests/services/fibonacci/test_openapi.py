"""The OpenAPI document of the Fibonacci service is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.contract import findings
from tests.services.running import programs


@pytest.mark.live
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    with programs() as start:
        service = start("fibonacci", max_n=12)
        assert findings(service.public, tmp_path) == ""
        assert service.stop() == 0
