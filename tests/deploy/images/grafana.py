"""Stands in for Grafana: healthy when it can read what is provisioned and its password, and can write its data."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def check() -> int:
    """The number of dashboards. Raises whatever keeps a Grafana with these mounts from starting."""
    assert len(Path(os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"]).read_text()) >= 8
    for kind in ("dashboards", "datasources"):
        assert next(Path("/etc/grafana/provisioning", kind).glob("*.yml")).read_text()
    (Path("/var/lib/grafana") / "grafana.db").write_text("")
    return len([json.loads(path.read_text()) for path in Path("/etc/stormlab/dashboards").glob("*.json")])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path == "/api/health"
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"dashboards": DASHBOARDS}).encode())


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
DASHBOARDS = check()
ThreadingHTTPServer(("0.0.0.0", 3000), Handler).serve_forever()
