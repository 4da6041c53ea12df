"""An address may have several gateways that have yet to forget it."""

import json

import sqlalchemy as sa
from alembic import op

from controlplane.store.migrations.versions.v0002 import _with_default

revision = "0019"
down_revision = "0018"

_BEFORE = ("leaving_host_id", "leaving_vpc_id", "leaving_revision")
_FOUND = sa.text(
    "SELECT id, leaving_host_id, leaving_vpc_id, leaving_revision FROM addresses"
    " WHERE leaving_host_id IN (SELECT id FROM hosts)"
)
_PUT = sa.text("UPDATE addresses SET leaving = :leaving WHERE id = :id")


def upgrade() -> None:
    op.add_column("addresses", _with_default("leaving list"))
    database = op.get_bind()
    for row_id, host_id, vpc_id, number in database.execute(_FOUND).all():
        leaving = json.dumps([{"host_id": host_id, "vpc_id": vpc_id, "revision": number}])
        database.execute(_PUT, {"leaving": leaving, "id": row_id})
    for name in _BEFORE:
        op.drop_column("addresses", name)
