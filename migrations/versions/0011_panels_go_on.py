"""A panel goes on: a frozen reserve, further draws, time for the buyer's seats, for the work and for signing.

Revision ID: 4c8f62d9b3e5
Revises: 3b7e51c8a2d4
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '4c8f62d9b3e5'
down_revision = '3b7e51c8a2d4'
branch_labels = None
depends_on = None

INSTANT = sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql')
LIST = sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')
FRESH = (('reserve', LIST, '[]'), ('reserve_root', sa.String(length=64), ''), ('enlargements', LIST, '[]'), ('signing_rounds', sa.Integer(), '0'))


def upgrade():
    with op.batch_alter_table('panel', schema=None) as batch_op:
        for name, kind, value in FRESH:
            batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=value))
        batch_op.add_column(sa.Column('buyer_until_at', INSTANT, nullable=True))
        batch_op.add_column(sa.Column('working_until_at', INSTANT, nullable=True))
    with op.batch_alter_table('panel', schema=None) as batch_op:
        for name, _, _ in FRESH:
            batch_op.alter_column(name, server_default=None)


def downgrade():
    with op.batch_alter_table('panel', schema=None) as batch_op:
        for name in ('working_until_at', 'buyer_until_at', 'signing_rounds', 'enlargements', 'reserve_root', 'reserve'):
            batch_op.drop_column(name)
