"""The tables of a registry, the same in SQLite and in PostgreSQL. migrations/ makes them; a test compares the two.

    leaves       one row per entry of the log: what was committed to, and the salt that keeps it private
    entries      the claims on contents, each the leaf of that index
    revocations  which claim was withdrawn, by which leaf
    algorithms   the names of soft bindings that this registry knows, and how their values are compared
    bindings     the soft bindings of each claim: fingerprints and watermarks. Rows are only ever added, with growing
                 ids: fingerprints.py keeps an index of the 256-bit ones outside the database, and relies on that
    keys         who may write, and in which role
    nonces       what was submitted before

Times are microseconds since 1970 (UTC). Hashes and keys are raw bytes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# SQLite counts rows itself only in a column of exactly the type INTEGER.
_RowId = BigInteger().with_variant(Integer(), "sqlite")

leaves = Table(
    "leaves",
    metadata,
    Column("leaf", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("record", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("commitment", LargeBinary, nullable=False, unique=True),
)

entries = Table(
    "entries",
    metadata,
    Column("leaf", BigInteger, ForeignKey("leaves.leaf"), primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False, index=True),
    Column("media_type", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("asset_hash", LargeBinary, index=True),
    Column("manifest_id", Text, index=True),
    Column("manifest", LargeBinary),
    Column("publisher", Text, nullable=False),
    Column("key", LargeBinary, nullable=False, index=True),
    Column("private", Boolean, nullable=False),
    Column("time", BigInteger, nullable=False),
)

revocations = Table(
    "revocations",
    metadata,
    Column("leaf", BigInteger, ForeignKey("leaves.leaf"), primary_key=True, autoincrement=False),
    Column("entry", BigInteger, ForeignKey("entries.leaf"), nullable=False, index=True),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
)

algorithms = Table(
    "algorithms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("match", String(16), nullable=False),
)

bindings = Table(
    "bindings",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("entry", BigInteger, ForeignKey("entries.leaf"), nullable=False, index=True),
    Column("algorithm", Integer, ForeignKey("algorithms.id"), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Index("ix_bindings_value", "algorithm", "value"),
)

keys = Table(
    "keys",
    metadata,
    Column("public", LargeBinary, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("disabled", BigInteger),
)

nonces = Table(
    "nonces",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("public", LargeBinary, nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("leaf", BigInteger),
    UniqueConstraint("public", "nonce", name="uq_nonces_public"),
)

__all__ = ["algorithms", "bindings", "entries", "keys", "leaves", "metadata", "nonces", "revocations"]
