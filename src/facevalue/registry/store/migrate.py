"""Bringing a database to the tables of this version, by Alembic; its migrations ship inside the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from facevalue.registry.errors import RegistryError

_SCRIPTS = Path(__file__).with_name("migrations")


def migrate(connection: Connection) -> str:
    """Upgrade to the newest revision within the caller's transaction; the revision. Raises RegistryError.

    A database that a newer version of facevalue made is refused, not damaged.
    """
    config = _config(connection)
    _refuse_newer(connection, config)
    command.upgrade(config, "head")
    return newest()


def revision(connection: Connection) -> str | None:
    """The revision that the database has; None when it was never set up."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The revision that this version of facevalue works with."""
    head = ScriptDirectory(str(_SCRIPTS)).get_current_head()
    assert head is not None
    return head


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _refuse_newer(connection: Connection, config: Config) -> None:
    has = revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if has is not None and has not in known:
        raise RegistryError(f"the registry was made by a newer version of facevalue (its tables are at {has:.40})")
