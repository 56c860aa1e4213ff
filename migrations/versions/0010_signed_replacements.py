"""A replacement keeps the word of the older bid's key, and a bid remembers that its key was lost.

Revision ID: 3b7e51c8a2d4
Revises: 7c04f1a7e031
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '3b7e51c8a2d4'
down_revision = '7c04f1a7e031'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('bid', schema=None) as batch_op:
        batch_op.add_column(sa.Column('replace_statement', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True))
        batch_op.add_column(sa.Column('key_lost', sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table('bid', schema=None) as batch_op:
        batch_op.alter_column('key_lost', server_default=None)


def downgrade():
    with op.batch_alter_table('bid', schema=None) as batch_op:
        batch_op.drop_column('key_lost')
        batch_op.drop_column('replace_statement')
