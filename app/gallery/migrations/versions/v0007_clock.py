"""Clock of the gallery, see `app.gallery.expiry`."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for name in ("seen", "held_until"):
        op.add_column("network", sa.Column(name, sa.DateTime(timezone=True)))
