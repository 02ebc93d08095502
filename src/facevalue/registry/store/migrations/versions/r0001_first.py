"""The first tables of the registry.

They are written out here, not taken from tables.py: a migration must go on doing what it did when it was released.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _leaves_and_entries()
    _bindings()
    _keys()


def downgrade() -> None:
    """Remove the tables and all they hold."""
    for table in ("nonces", "keys", "bands", "bindings", "algorithms", "revocations", "entries", "leaves"):
        op.drop_table(table)


def _leaves_and_entries() -> None:
    op.create_table(
        "leaves",
        sa.Column("leaf", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("leaf", name="pk_leaves"),
        sa.UniqueConstraint("commitment", name="uq_leaves_commitment"),
    )
    op.create_table(
        "entries",
        sa.Column("leaf", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("asset_hash", sa.LargeBinary()),
        sa.Column("manifest_id", sa.Text()),
        sa.Column("manifest", sa.LargeBinary()),
        sa.Column("publisher", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("leaf", name="pk_entries"),
        sa.ForeignKeyConstraint(["leaf"], ["leaves.leaf"], name="fk_entries_leaf"),
    )
    for column in ("content", "asset_hash", "manifest_id", "key"):
        op.create_index(f"ix_entries_{column}", "entries", [column])
    op.create_table(
        "revocations",
        sa.Column("leaf", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("leaf", name="pk_revocations"),
        sa.ForeignKeyConstraint(["leaf"], ["leaves.leaf"], name="fk_revocations_leaf"),
        sa.ForeignKeyConstraint(["entry"], ["entries.leaf"], name="fk_revocations_entry"),
    )
    op.create_index("ix_revocations_entry", "revocations", ["entry"])


def _bindings() -> None:
    op.create_table(
        "algorithms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("match", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_algorithms"),
        sa.UniqueConstraint("name", name="uq_algorithms_name"),
    )
    op.create_table(
        "bindings",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("algorithm", sa.Integer(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bindings"),
        sa.ForeignKeyConstraint(["entry"], ["entries.leaf"], name="fk_bindings_entry"),
        sa.ForeignKeyConstraint(["algorithm"], ["algorithms.id"], name="fk_bindings_algorithm"),
    )
    op.create_index("ix_bindings_entry", "bindings", ["entry"])
    op.create_index("ix_bindings_value", "bindings", ["algorithm", "value"])
    op.create_table(
        "bands",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", "entry", "value", name="pk_bands"),
        sqlite_with_rowid=False,
    )


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("disabled", sa.BigInteger()),
        sa.PrimaryKeyConstraint("public", name="pk_keys"),
    )
    op.create_table(
        "nonces",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_nonces"),
        sa.UniqueConstraint("public", "nonce", name="uq_nonces_public"),
    )
