"""One sampled line per request, with its trace, and without keys, values or secrets."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.services.kv.running import Running
from tests.services.running import metric

pytestmark = pytest.mark.live


def test_requests_are_logged_with_their_trace_and_sampled(tmp_path: Path) -> None:
    kv = Running(
        tmp_path / "kv.log",
        log_first=3,
        log_then=0,
        log_level="DEBUG",
        tlog_durability="never",
        tlog_db_password="s3cret",
    )
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen: list[str] = []
    try:
        with httpx.Client(base_url=kv.public) as client:
            for _ in range(40):
                client.put("/v1/private-key", content=b"private-value", headers={"traceparent": parent})
            page = client.get("/metrics").text
        line = kv.until("request")
        assert (line["route"], line["method"], line["status"], line["level"]) == ("/v1/{key}", "PUT", 201, "info")
        assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
        assert metric(page, "stormlab_log_dropped_total") > 10
        seen.append(json.dumps(line))
        assert kv.stop() == 0
        seen += map(json.dumps, kv.rest())
    finally:
        kv.end()
    assert not any(word in text for text in seen for word in ("private-key", "private-value", "s3cret"))
    assert any('"stopped"' in text for text in seen)
