"""The OpenAPI document is true: generated requests, good and bad, meet no answer that it does not promise."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.services.contract import findings
from tests.services.kv.running import Running


@pytest.mark.live
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    kv = Running(tmp_path / "kv.log", max_value_bytes=20_000, tlog_durability="never")
    try:
        assert findings(kv.public, tmp_path) == ""
        pages = httpx.get(kv.public + "/openapi.json").json()
        longest = "\U0001f986" * pages["paths"]["/v1/{key}"]["parameters"][0]["schema"]["maxLength"]
        assert httpx.put(f"{kv.public}/v1/{longest}", content=b"v").status_code == 201
        assert httpx.put(f"{kv.public}/v1/{longest}x", content=b"v").status_code == 400
        empty = kv.public + "/v1/empty"
        assert httpx.put(empty, content=b"").status_code == 201
        assert httpx.get(empty).headers["content-type"] == "application/octet-stream"
        assert kv.stop() == 0
    finally:
        kv.end()
