"""Opening the database: SQLite in WAL mode in the registry's folder, or PostgreSQL. Same tables, same statements."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from facevalue.errors import MissingExtraError, UsageError
from facevalue.registry.errors import RegistryError

FILE_NAME = "registry.sqlite"
# WAL keeps readers and the writer apart; FULL flushes the WAL at every commit, so that what is acknowledged is durable.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=30000",
    "cache_size=-65536",
    "mmap_size=1073741824",
)
# One writer at a time, on whatever machine it runs: an arbitrary number that names the lock.
_ADVISORY_LOCK = 0x6661_6365
_FULL_WORDS = ("disk is full", "no space left", "disk full", "file too large")


def open_engine(folder: Path, url: str | None = None) -> Engine:
    """The engine for postgresql://... or, without a URL, for the SQLite file in the folder.

    Raises UsageError for another kind of URL, MissingExtraError without psycopg.
    """
    if url is None:
        engine = create_engine(f"sqlite:///{folder / FILE_NAME}")
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError("--db is not a URL such as postgresql://user@host/name") from None
    if parsed.get_backend_name() != "postgresql":
        raise UsageError("--db takes a postgresql:// URL; without it, the registry keeps an SQLite file")
    try:
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    except ModuleNotFoundError:
        raise MissingExtraError("a registry in PostgreSQL", "postgres") from None


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read through, errors of the database told in a sentence. Raises RegistryError."""
    with _plainly(), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # A transaction there would show each statement what is new as well, and cost two more round trips.
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction: durable when the block ends well, undone otherwise. Raises RegistryError."""
    with _plainly(), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        yield connection


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise RegistryError(_sentence(str(error.orig))) from error
    except SQLAlchemyError as error:
        raise RegistryError(f"the registry's database failed ({type(error).__name__})") from error


def _sentence(reason: str) -> str:
    first = " ".join(reason.split())[:300]
    if any(word in reason.lower() for word in _FULL_WORDS):
        return f"no space is left for the registry's database: nothing was written; free some and try again ({first})"
    if "no such table" in reason or "does not exist" in reason:
        return f"the registry's database is not set up: run facevalue registry init ({first})"
    return f"the registry's database refused: {first}"


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
