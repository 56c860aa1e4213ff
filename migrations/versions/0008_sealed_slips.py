"""Limits, offers and reserve prices of auctions sealed to the custodians.

Revision ID: 5ea1ed511b30
Revises: 5b0c7d1e9a50
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '5ea1ed511b30'
down_revision = '5b0c7d1e9a50'
branch_labels = None
depends_on = None

INSTANT = sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql')
WHOLE = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
JSON = sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')
STATES = sa.Enum('releasing', 'opened', 'confirmed', 'failed', name='openingstate', native_enum=False, length=16)


def upgrade():
    op.create_table('auction_slip',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('auction_id', sa.Uuid(), nullable=False),
    sa.Column('what', sa.String(length=8), nullable=False),
    sa.Column('plate', sa.String(length=12), nullable=False),
    sa.Column('part', sa.String(length=16), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('policy', sa.String(length=64), nullable=False),
    sa.Column('root', sa.String(length=64), nullable=False),
    sa.Column('commit_body', JSON, nullable=False),
    sa.Column('commit_sig', JSON, nullable=False),
    sa.Column('container', sa.LargeBinary(), nullable=False),
    sa.Column('handed_at', INSTANT, nullable=False),
    sa.ForeignKeyConstraint(['auction_id'], ['auction.id'], name=op.f('fk_auction_slip_auction_id_auction')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_auction_slip')),
    sa.UniqueConstraint('code', name=op.f('uq_auction_slip_code'))
    )
    with op.batch_alter_table('auction_slip', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_auction_slip_auction_id'), ['auction_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_auction_slip_root'), ['root'], unique=False)

    op.create_table('auction_closing',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('auction_id', sa.Uuid(), nullable=False),
    sa.Column('tender_id', sa.Uuid(), nullable=False),
    sa.Column('part', sa.String(length=16), nullable=False),
    sa.Column('state', STATES, nullable=False),
    sa.Column('close_body', JSON, nullable=False),
    sa.Column('close_record_id', sa.Uuid(), nullable=False),
    sa.Column('close_index', WHOLE, nullable=False),
    sa.Column('closed_at', INSTANT, nullable=False),
    sa.Column('window_until_at', INSTANT, nullable=False),
    sa.Column('opened_at', INSTANT, nullable=True),
    sa.ForeignKeyConstraint(['auction_id'], ['auction.id'], name=op.f('fk_auction_closing_auction_id_auction')),
    sa.ForeignKeyConstraint(['tender_id'], ['tender.id'], name=op.f('fk_auction_closing_tender_id_tender')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_auction_closing')),
    sa.UniqueConstraint('auction_id', 'part', name=op.f('uq_auction_closing_auction_id'))
    )
    with op.batch_alter_table('auction_closing', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_auction_closing_auction_id'), ['auction_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_auction_closing_tender_id'), ['tender_id'], unique=False)

    op.create_table('auction_closed_slip',
    sa.Column('slip_id', sa.Uuid(), nullable=False),
    sa.Column('closing_id', sa.Uuid(), nullable=False),
    sa.Column('auction_id', sa.Uuid(), nullable=False),
    sa.Column('commit_record_id', sa.Uuid(), nullable=False),
    sa.Column('offered', sa.LargeBinary(), nullable=True),
    sa.Column('ok', sa.Boolean(), nullable=True),
    sa.Column('why', sa.String(length=40), nullable=False),
    sa.Column('cause', sa.String(length=16), nullable=False),
    sa.Column('way', sa.String(length=16), nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=True),
    sa.Column('content', JSON, nullable=True),
    sa.Column('amount', sa.BigInteger(), nullable=True),
    sa.Column('record_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['auction_id'], ['auction.id'], name=op.f('fk_auction_closed_slip_auction_id_auction')),
    sa.ForeignKeyConstraint(['closing_id'], ['auction_closing.id'], name=op.f('fk_auction_closed_slip_closing_id_auction_closing')),
    sa.ForeignKeyConstraint(['slip_id'], ['auction_slip.id'], name=op.f('fk_auction_closed_slip_slip_id_auction_slip')),
    sa.PrimaryKeyConstraint('slip_id', name=op.f('pk_auction_closed_slip'))
    )
    with op.batch_alter_table('auction_closed_slip', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_auction_closed_slip_auction_id'), ['auction_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_auction_closed_slip_closing_id'), ['closing_id'], unique=False)

    dialect = op.get_bind().dialect.name
    if dialect == 'postgresql':
        op.execute(sa.text('CREATE OR REPLACE TRIGGER guard_auction_slip BEFORE UPDATE OR DELETE ON auction_slip FOR EACH ROW EXECUTE FUNCTION refuse_rewrite()'))
    if dialect == 'sqlite':
        op.execute(sa.text("CREATE TRIGGER IF NOT EXISTS guard_auction_slip_update BEFORE UPDATE ON auction_slip BEGIN SELECT RAISE(ABORT, 'history of auction_slip is append-only'); END"))
        op.execute(sa.text("CREATE TRIGGER IF NOT EXISTS guard_auction_slip_delete BEFORE DELETE ON auction_slip BEGIN SELECT RAISE(ABORT, 'history of auction_slip is append-only'); END"))


def downgrade():
    op.drop_table('auction_closed_slip')
    op.drop_table('auction_closing')
    op.drop_table('auction_slip')
