"""Abnormally low prices of reverse auctions: asked, explained, judged.

Revision ID: 9d27b1e6a4c8
Revises: 4c8f62d9b3e5
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '9d27b1e6a4c8'
down_revision = '4c8f62d9b3e5'
branch_labels = None
depends_on = None

INSTANT = sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql')
LIST = sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')


def upgrade():
    op.create_table('auction_price_review',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('auction_id', sa.Uuid(), nullable=False),
    sa.Column('seat_id', sa.Uuid(), nullable=False),
    sa.Column('plate', sa.String(length=12), nullable=False),
    sa.Column('triggers', LIST, nullable=False),
    sa.Column('asked_at', INSTANT, nullable=False),
    sa.Column('due_at', INSTANT, nullable=False),
    sa.Column('explanation', sa.Text(), nullable=True),
    sa.Column('explained_at', INSTANT, nullable=True),
    sa.Column('votes', LIST, nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('accepted', sa.Boolean(), nullable=True),
    sa.Column('decided_at', INSTANT, nullable=True),
    sa.ForeignKeyConstraint(['auction_id'], ['auction.id'], name=op.f('fk_auction_price_review_auction_id_auction')),
    sa.ForeignKeyConstraint(['seat_id'], ['auction_seat.id'], name=op.f('fk_auction_price_review_seat_id_auction_seat')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_auction_price_review')),
    sa.UniqueConstraint('seat_id', name=op.f('uq_auction_price_review_seat_id'))
    )
    with op.batch_alter_table('auction_price_review', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_auction_price_review_auction_id'), ['auction_id'], unique=False)


def downgrade():
    with op.batch_alter_table('auction_price_review', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_auction_price_review_auction_id'))
    op.drop_table('auction_price_review')
