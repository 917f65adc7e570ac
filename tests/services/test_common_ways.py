"""What every service does the same: says where it listens, and looks at its own machine when asked if it is ready."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.services.running import programs
from tools.waiting import wait_for

pytestmark = pytest.mark.live
SERVICES = ("kv", "fibonacci", "gateway", "node")


@pytest.mark.parametrize("name", SERVICES)
def test_it_says_where_it_listens_however_little_it_logs(name: str, tmp_path: Path) -> None:
    with programs() as start:
        service = start(name, log_level="ERROR", log_first=1, log_then=0, tlog_filename=tmp_path / "kv.log")
        assert httpx.get(service.public + "/livez").status_code == 200
        assert httpx.get(service.admin + "/faults").status_code == 200
        assert service.stop() == 0
        assert service.rest() == []


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_not_ready_while_its_folder_takes_no_files(name: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with programs() as start:
        service = start(name, tmpdir=data, tlog_filename=data / "kv.log")
        ready = httpx.get(service.public + "/readyz").json()
        assert set(ready["checks"]) >= {"folder", "memory", "open-files"}
        assert ready["checks"]["folder"]["status"] == "healthy"
        data.rename(tmp_path / "moved")
        wait_for(lambda: httpx.get(service.public + "/readyz").json()["checks"]["folder"]["status"] == "failing")
        assert httpx.get(service.public + "/readyz").status_code == 503
        assert httpx.get(service.public + "/livez").status_code == 200
