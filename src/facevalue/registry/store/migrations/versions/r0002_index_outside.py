"""The index of fingerprints leaves the database: it is derived from `bindings`, and kept in files beside it.

What `bands` held is sixteen rows for each fingerprint of `bindings`; downgrade() writes them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PIECE = 4096


def upgrade() -> None:
    """Remove the table. SQLite keeps its pages for what is registered next; VACUUM gives them back to the disk."""
    op.drop_table("bands")


def downgrade() -> None:
    """Make the table, and fill it."""
    op.create_table(
        "bands",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", "entry", "value", name="pk_bands"),
        sqlite_with_rowid=False,
    )
    last = 0
    while rows := op.get_bind().execute(sa.text(_FINGERPRINTS), {"last": last, "limit": _PIECE}).all():
        last = rows[-1][0]
        keys = {(key, e, bytes(value)) for _, e, a, value in rows for key in _keys(a, bytes(value))}
        insert = sa.text("INSERT INTO bands (key, entry, value) VALUES (:key, :entry, :value) ON CONFLICT DO NOTHING")
        op.get_bind().execute(insert, [{"key": k, "entry": e, "value": v} for k, e, v in sorted(keys)])


_FINGERPRINTS = (
    "SELECT b.id, b.entry, b.algorithm, b.value FROM bindings AS b JOIN algorithms AS a ON a.id = b.algorithm "
    "WHERE a.match = 'hamming256' AND b.id > :last ORDER BY b.id LIMIT :limit"
)


def _keys(algorithm: int, value: bytes) -> list[int]:
    """Algorithm, band and the band's 16 bits, packed."""
    return [algorithm << 20 | band << 16 | int.from_bytes(value[2 * band : 2 * band + 2]) for band in range(16)]
