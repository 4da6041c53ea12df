"""What guests may do with their metadata service; those of before go on with what is nowhere said, EC2's defaults."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("instances", sa.Column("metadata_options", sa.Text(), nullable=False, server_default="{}"))
