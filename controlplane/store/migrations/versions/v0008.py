"""Images and instances have an architecture and a boot mode; those of before have the only ones that there were."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_OF_IMAGES = {"architecture": "x86_64", "boot_mode": "legacy-bios"}
_COLUMNS = {"images": _OF_IMAGES, "instances": {**_OF_IMAGES, "machine_type": "q35"}}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        for name, value in columns.items():
            op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=value))
