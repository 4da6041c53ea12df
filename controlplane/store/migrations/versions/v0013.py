"""Network interfaces have a life of their own: attachments, secondary addresses, descriptions, tags."""

import sqlalchemy as sa
from alembic import op

from controlplane.store.migrations.versions.v0002 import _with_default

revision = "0013"
down_revision = "0012"

_INTERFACES = "network_interfaces"
_COLUMNS = {
    _INTERFACES: (
        *("secondary_ips list", "description text", "attachment_id text", "attached_at time?"),
        *("detach_host_id text", "is_forced boolean"),
    ),
    "addresses": ("private_ip text",),
    "observations": ("interface_ids list",),
}
_ROWS = sa.table(
    _INTERFACES, sa.column("id"), sa.column("attachment_id"), sa.column("attached_at"), sa.column("created_at")
)


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        for text in columns:
            op.add_column(table, _with_default(text))
    for name in ("source_dest_check", "delete_on_termination"):
        op.add_column(_INTERFACES, sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column(_INTERFACES, sa.Column("detach_revision", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column(_INTERFACES, sa.Column("tags", sa.Text(), nullable=False, server_default="{}"))
    attachment_id = sa.literal("eni-attach-").concat(sa.func.substr(_ROWS.c.id, len("eni-") + 1))
    op.execute(sa.update(_ROWS).values(attachment_id=attachment_id, attached_at=_ROWS.c.created_at))
