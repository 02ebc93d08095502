"""Registries to test with: in SQLite always, in PostgreSQL where there is a server or one can be started."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

SERVER_VARIABLE = "FACEVALUE_TEST_POSTGRES"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server, without a database: the one named by the environment, or one started for these tests."""
    pytest.importorskip("psycopg", reason="needs the extra 'postgres'")
    if named := os.environ.get(SERVER_VARIABLE):
        yield named.rstrip("/")
        return
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    programs = programs or (Path(found).parent if (found := shutil.which("initdb")) else None)
    if programs is None or not (programs / "initdb").exists():
        pytest.skip(f"there is no PostgreSQL here, and {SERVER_VARIABLE} names none")
    with _started(programs) as url:
        yield url


@contextlib.contextmanager
def _started(programs: Path) -> Iterator[str]:
    user = "postgres" if os.name == "posix" and os.geteuid() == 0 else None
    folder = Path(f"/tmp/facevalue-postgres-{uuid.uuid4().hex[:12]}")
    folder.mkdir(mode=0o700)
    try:
        if user:
            shutil.chown(folder, user)
        run = {"user": user, "cwd": folder, "capture_output": True, "timeout": 120, "check": False}
        made = subprocess.run([programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "test", "-N"], **run)
        if made.returncode:
            pytest.skip(f"PostgreSQL cannot be started here: {made.stderr.decode()[-200:]}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        # Its output goes to a file: a server that inherits a pipe would keep this process waiting.
        control = [programs / "pg_ctl", "-D", folder / "data", "-w", "-o", options, "-l", folder / "log"]
        started = subprocess.run([*control, "start"], **(run | {"capture_output": False, "stdout": subprocess.DEVNULL}))
        if started.returncode:
            pytest.skip("PostgreSQL cannot be started here")
        try:
            yield f"postgresql://test@127.0.0.1:{port}"
        finally:
            subprocess.run([programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"], **run)
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{postgres_server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def party(request: pytest.FixtureRequest, tmp_path: Path):
    """A new registry, once in each database."""
    from make_registry import Party

    url = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    party = Party(tmp_path / "registry", url)
    yield party
    party.registry.close()


@pytest.fixture
def local(tmp_path: Path):
    """A new registry in SQLite."""
    from make_registry import Party

    party = Party(tmp_path / "registry")
    yield party
    party.registry.close()
