"""Columns to find entries and releases by: what an entry is about, where a release stands."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# What revision 0001 knew, and not what the code of today knows.
_AT_SITES = "('deployment.site-live', 'deployment.site-rolled-back')"
_OF_NO_RELEASE = (
    "('system.adopted', 'document.approved', 'line.stopped', 'line.resumed', 'signer.invited', "
    "'signer.enrolled', 'push.refused')"
)

# The ledger's rows may not be changed: only here, to fill a column that no digest covers.
_TRIGGER_OFF = {
    "sqlite": "DROP TRIGGER IF EXISTS ledger_keeps_entries",
    "postgresql": "ALTER TABLE ledger DISABLE TRIGGER ledger_keeps_entries",
}
_TRIGGER_ON = {
    "sqlite": """
        CREATE TRIGGER ledger_keeps_entries BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
        """,
    "postgresql": "ALTER TABLE ledger ENABLE TRIGGER ledger_keeps_entries",
}


def upgrade() -> None:
    connection = op.get_bind()
    op.execute(_TRIGGER_OFF[connection.dialect.name])
    op.add_column("ledger", sa.Column("about", sa.Text))
    _file_entries(connection)
    op.create_index("ledger_by_release", "ledger", ["about", "sequence"])
    op.execute(_TRIGGER_ON[connection.dialect.name])
    for name, kind in (("product", sa.Text), ("state", sa.Text), ("known", sa.Integer)):
        op.add_column("releases", sa.Column(name, kind))
    _file_releases(connection)
    op.create_index("releases_by_state", "releases", ["state", "known"])
    op.create_index("releases_by_product", "releases", ["product", "known"])


def _file_entries(connection: sa.Connection) -> None:
    op.execute(
        f"UPDATE ledger SET about = subject WHERE kind NOT IN {_AT_SITES} "  # noqa: S608
        f"AND kind NOT IN {_OF_NO_RELEASE}"
    )
    query = f"SELECT sequence, body FROM ledger WHERE kind IN {_AT_SITES}"  # noqa: S608
    for sequence, body in connection.execute(sa.text(query)).all():
        connection.execute(
            sa.text("UPDATE ledger SET about = :about WHERE sequence = :sequence"),
            {"about": _text(body, "release"), "sequence": sequence},
        )


def _file_releases(connection: sa.Connection) -> None:
    op.execute(
        "UPDATE releases SET known = (SELECT min(sequence) FROM ledger "
        "WHERE subject = releases.name AND kind = 'release.known')"
    )
    for name, record in connection.execute(sa.text("SELECT name, record FROM releases")).all():
        found = {key: _text(record, key) for key in ("product", "state")}
        connection.execute(
            sa.text("UPDATE releases SET product = :product, state = :state WHERE name = :name"),
            {"name": name, **found},
        )


def _text(document: object, key: str) -> str | None:
    """Find a text in a JSON object; what was tampered with is for the audit to say."""
    try:
        found = json.loads(document)[key]  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, str) else None
