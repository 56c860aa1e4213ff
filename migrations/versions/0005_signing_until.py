"""A panel's report waits for signatures only so long.

Revision ID: 592304cb4d17
Revises: 797279020f68
"""

import sqlalchemy as sa
from alembic import op

revision = '592304cb4d17'
down_revision = '797279020f68'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('panel', schema=None) as batch_op:
        batch_op.add_column(sa.Column('signing_until_at', sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql'), nullable=True))


def downgrade():
    with op.batch_alter_table('panel', schema=None) as batch_op:
        batch_op.drop_column('signing_until_at')
