"""A real PostgreSQL for tests: Debian's package, in a temporary folder, on a free port of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "50",
    "shared_buffers": "4MB",
    "min_wal_size": "2MB",
    "max_wal_size": "4MB",
    # A zone other than UTC shows times that lost theirs.
    "timezone": "Asia/Kolkata",
}


_INITIAL = ("--no-sync", "--wal-segsize", "1", "--encoding", "UTF8")


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, or None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    path = shutil.which("pg_ctl")
    return found[-1].parent if found else Path(path).resolve().parent if path else None


class PostgreSQL:
    """A server's files and how to start and stop it; databases are made from a template that is migrated once."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._made = 0

    def url(self, name: str) -> str:
        """The address of a database, for SQLAlchemy."""
        return f"postgresql+psycopg://faces@127.0.0.1:{self.port}/{name}"

    def create(self, template: str = "template1") -> str:
        """Make a database like another; gives back its name."""
        self._made += 1
        name = f"faces_{self._made}"
        with psycopg.connect(f"postgresql://faces@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def initialize(self) -> None:
        """Make an empty server that trusts whoever comes from this machine."""
        self._run("initdb", "--pgdata", "data", "--username", "faces", "--auth", "trust", *_INITIAL)
        lines = [f"{name} = '{value}'" for name, value in _OPTIONS.items()]
        lines += [f"port = {self.port}", f"unix_socket_directories = '{self.folder}'"]
        with (self.folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._run("pg_ctl", "--pgdata", "data", "--log", "log.txt", "--wait", "--silent", "start")

    def stop(self) -> None:
        """Stop at once, whoever is connected."""
        self._run("pg_ctl", "--pgdata", "data", "--mode", "immediate", "--wait", "--silent", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root; Debian's package makes a user for it.
        user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        subprocess.run(
            [programs() / program, *arguments],
            cwd=self.folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=60,
            **user,
        )


@contextmanager
def running(place: Path = Path("/tmp")) -> Iterator[PostgreSQL]:
    """A started server in a folder of its own at a place, which is gone with its files afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir=place))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = PostgreSQL(folder, port)
    try:
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
