"""Settings: precedence over six layers, refusals that name place and origin, bounds, secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from services.common.config_text import MAX_BYTES, parse_config
from services.common.settings import local_layers
from services.common.sources import Sources
from services.kv.settings import KvSettings
from stormlab.errors import BadInput


class Shelf:
    """A store of settings: one value, or none, behind an address."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.address = ""
        self.broken = False


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500 if made.broken else 404 if made.content is None else 200)
            self.end_headers()
            self.wfile.write(made.content or b"")

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}/v1/kv.json"
    yield made
    server.shutdown()
    server.server_close()


def sources(
    *arguments: str, environment: dict[str, str] | None = None, explicit: dict[str, Any] | None = None
) -> Sources[KvSettings]:
    layers = local_layers(KvSettings, arguments, program="kv", environment=environment or {}, explicit=explicit)
    return Sources(KvSettings, layers)


def test_each_layer_wins_over_the_next(tmp_path: Path, shelf: Shelf) -> None:
    later, file = tmp_path / "b.toml", tmp_path / "a.yaml"
    names = ["grace", "max_requests", "port", "queue_limit", "seed", "shards"]
    shelf.content = json.dumps(dict.fromkeys(names, 1)).encode()
    file.write_text("".join(f"{name}: 2\n" for name in names[:5]))
    later.write_text("".join(f"{name} = 3\n" for name in names[:4]))
    environment = {name.upper(): "4" for name in names[:3]} | {"CONFIG_FILE": f"{file},{later}"}
    flags = [f"--{name.replace('_', '-')}=5" for name in names[:2]]
    made = sources(*flags, "--config-store", shelf.address, environment=environment, explicit={"grace": 6.0}).first()
    assert [getattr(made, name) for name in names] == [6.0, 5, 4, 3, 2, 1]
    assert made.body_timeout == 30.0


def test_an_empty_variable_counts_as_unset() -> None:
    assert sources(environment={"PORT": "", "ADMIN_PORT": ""}).first().port == 8080


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.yaml", "logg_level: INFO", r"a\.yaml: there is no setting 'logg_level'; did you mean log_level\?"),
        ("a.yaml", "port: many", r"PORT from .*a\.yaml: "),
        ("a.yaml", "port: 1\nport: 2", "twice"),
        ("a.json", '{"port": 1, "port": 2}', "twice"),
        ("a.json", '{"port": 1', "no JSON at line 1"),
        ("a.json", "[" * 20_000, "cannot be read"),
        ("a.yaml", "port: [", "no YAML at line"),
        ("a.yaml", "- port", "write a table"),
        ("a.yaml", "port: !!python/name:os.system", "no YAML"),
        ("a.toml", "port = = 1", "cannot be read"),
        ("a.toml", 'config_file = "b.toml"', "config_file cannot stand here"),
        ("a.toml", "flags = { use-old-storage = true }", "no flag is called 'use-old-storage'"),
        ("a.yaml", "flag_rules: {use-new-storage: {networks: [moon]}}", "FLAG_RULES.use-new-storage.networks.0 from"),
        ("a.json", " " * (MAX_BYTES + 1), f"more than {MAX_BYTES} bytes"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, name: str, content: str, says: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=says):
        sources(environment={"CONFIG_FILE": str(tmp_path / name)}).first()


def test_a_refusal_quotes_no_value(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("tlog_db_password: [s3cret]\nport: s3cret")
    with pytest.raises(BadInput) as caught:
        sources(environment={"CONFIG_FILE": str(tmp_path / "a.yaml")}).first()
    assert "s3cret" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"CONFIG_FILE: cannot read .*No such file"):
        sources(environment={"CONFIG_FILE": str(tmp_path / "none.toml")}).first()


@pytest.mark.parametrize("address", ["kv", "file:///etc/passwd", "http://u:p@h/v1/k"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="CONFIG_STORE") as caught:
        sources(environment={"CONFIG_STORE": address})
    assert "u:p" not in str(caught.value)


def test_an_unreachable_or_empty_store_does_not_stand_against_a_start(shelf: Shelf) -> None:
    assert sources("--config-store", shelf.address).first().port == 8080
    assert sources("--config-store", "http://127.0.0.1:1/v1/k").first().port == 8080


def test_a_store_that_goes_away_keeps_its_last_word(shelf: Shelf) -> None:
    shelf.content = b'{"log_level": "DEBUG"}'
    read = sources("--config-store", shelf.address)
    assert read.first().log_level == "DEBUG"
    assert read.changed() is None
    shelf.broken = True
    assert read.changed() is None


def test_secrets_are_masked() -> None:
    made = sources(environment={"TLOG_DB_PASSWORD": "s3cret"}).first()
    assert made.tlog_db_password.get_secret_value() == "s3cret"
    assert "s3cret" not in str(made.masked()) + repr(made)


def test_nothing_is_read_from_the_surroundings_of_explicit_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    assert KvSettings.model_validate({}).port == 8080


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml", "toml"])
def test_an_empty_file_says_nothing(suffix: str) -> None:
    assert parse_config(b"", name=f"a.{suffix}") == {}
