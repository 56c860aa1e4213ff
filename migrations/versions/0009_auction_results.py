"""Confirmations of auctions, and winners who default.

Revision ID: 7c04f1a7e031
Revises: 5ea1ed511b30
"""

import sqlalchemy as sa
from alembic import op

revision = '7c04f1a7e031'
down_revision = '5ea1ed511b30'
branch_labels = None
depends_on = None

INSTANT = sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql')


def upgrade():
    op.create_table('auction_confirmation',
    sa.Column('auction_id', sa.Uuid(), nullable=False),
    sa.Column('seat_id', sa.Uuid(), nullable=False),
    sa.Column('price', sa.BigInteger(), nullable=False),
    sa.Column('letter_sha256', sa.String(length=64), nullable=False),
    sa.Column('public_until_at', INSTANT, nullable=True),
    sa.Column('confirmed_at', INSTANT, nullable=False),
    sa.Column('record_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['auction_id'], ['auction.id'], name=op.f('fk_auction_confirmation_auction_id_auction')),
    sa.ForeignKeyConstraint(['seat_id'], ['auction_seat.id'], name=op.f('fk_auction_confirmation_seat_id_auction_seat')),
    sa.PrimaryKeyConstraint('auction_id', name=op.f('pk_auction_confirmation'))
    )
    op.create_table('auction_default',
    sa.Column('auction_id', sa.Uuid(), nullable=False),
    sa.Column('seat_id', sa.Uuid(), nullable=False),
    sa.Column('org_id', sa.Uuid(), nullable=False),
    sa.Column('price', sa.BigInteger(), nullable=False),
    sa.Column('kept', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('declared_at', INSTANT, nullable=False),
    sa.Column('resale_id', sa.Uuid(), nullable=True),
    sa.Column('difference', sa.BigInteger(), nullable=True),
    sa.Column('owed', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['auction_id'], ['auction.id'], name=op.f('fk_auction_default_auction_id_auction')),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_auction_default_org_id_organization')),
    sa.ForeignKeyConstraint(['resale_id'], ['auction.id'], name=op.f('fk_auction_default_resale_id_auction')),
    sa.ForeignKeyConstraint(['seat_id'], ['auction_seat.id'], name=op.f('fk_auction_default_seat_id_auction_seat')),
    sa.PrimaryKeyConstraint('auction_id', name=op.f('pk_auction_default'))
    )
    with op.batch_alter_table('auction_default', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_auction_default_org_id'), ['org_id'], unique=False)


def downgrade():
    op.drop_table('auction_default')
    op.drop_table('auction_confirmation')
