"""leases of live things

Revision ID: 3b1f0a6c9d24
Revises: 62c8c6495989
"""

import sqlalchemy as sa
from alembic import op

revision = '3b1f0a6c9d24'
down_revision = '62c8c6495989'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('lease',
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('holder', sa.String(length=200), nullable=False),
    sa.Column('token', sa.BigInteger(), nullable=False),
    sa.Column('until', sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql'), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )


def downgrade():
    op.drop_table('lease')
