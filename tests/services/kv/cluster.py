"""A PostgreSQL server of the tests' own, as an ordinary user on a free loopback port."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from stormlab.live import ports

#: Why tests are skipped, with the remedy.
MISSING = "PostgreSQL is not installed (Debian: apt-get install postgresql)"


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class Cluster:
    """One server; `stop` and `start` as often as wanted.

    It never waits for the disk: the machine does not crash here, and a busy disk would pass for a lost connection.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder, self._programs = folder, programs
        self._user = "postgres" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        (self.port,) = ports.free(1)
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(folder / "data"), "-U", "kv", "-A", "trust", "--no-sync")

    def settings(self, database: str, *, port: int | None = None) -> dict[str, str]:
        """What the service has to be told to use ``database``; through a proxy when ``port`` is given."""
        return {
            "TLOG_TYPE": "postgres",
            "TLOG_DB_HOST": "127.0.0.1",
            "TLOG_DB_PORT": str(port or self.port),
            "TLOG_DB_DATABASE": database,
            "TLOG_DB_USERNAME": "kv",
        }

    def conninfo(self, database: str, *, port: int | None = None) -> str:
        return make_conninfo(host="127.0.0.1", port=port or self.port, dbname=database, user="kv")

    def create(self, database: str) -> str:
        """Makes an empty database; its connection string."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        return self.conninfo(database)

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port)]
        options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=30", "fsync=off"]
        flags = [word for option in options for word in ("-c", option)]
        output = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [*command, *flags], cwd=self._folder, user=self._user, stdout=output, stderr=output
        )
        output.close()
        until = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Ends the server: SIGQUIT as if the machine had crashed, SIGINT cutting connections, both at once."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=60)
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.conninfo("postgres"), connect_timeout=2).close()
            return True
        return False

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd=self._folder, user=self._user, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)


@contextlib.contextmanager
def running_cluster(programs: Path) -> Iterator[Cluster]:
    """A started server, gone afterwards with all its files."""
    folder = Path(tempfile.mkdtemp(prefix="stormlab-postgres-"))
    try:
        cluster = Cluster(folder, programs)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)
