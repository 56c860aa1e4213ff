"""Bid bonds of sealed tenders; one table of orders for them and for deposits of auctions.

Revision ID: 2b7e40c9d815
Revises: 6d13f0a7c5b2
"""

import sqlalchemy as sa
from alembic import op

revision = '2b7e40c9d815'
down_revision = '6d13f0a7c5b2'
branch_labels = None
depends_on = None

INSTANT = sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql')
KIND = ('refund', 'keep')


def upgrade():
    op.create_table('bid_bond',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tender_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('org_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('form', sa.Enum('transfer', 'guarantee', name='bondform', native_enum=False, length=16), nullable=False),
    sa.Column('due', sa.BigInteger(), nullable=False),
    sa.Column('made_at', INSTANT, nullable=False),
    sa.Column('record_id', sa.Uuid(), nullable=False),
    sa.Column('account', sa.String(length=24), nullable=True),
    sa.Column('payer_hash', sa.String(length=64), nullable=False),
    sa.Column('payer_shown', sa.String(length=40), nullable=False),
    sa.Column('issuer', sa.String(length=120), nullable=False),
    sa.Column('guarantee_no', sa.String(length=80), nullable=False),
    sa.Column('guaranteed', sa.BigInteger(), nullable=True),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('file_name', sa.String(length=200), nullable=False),
    sa.Column('file_sha256', sa.String(length=64), nullable=False),
    sa.Column('genuine', sa.Boolean(), nullable=True),
    sa.Column('checked_at', INSTANT, nullable=True),
    sa.Column('checked_note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['tender_id'], ['tender.id'], name=op.f('fk_bid_bond_tender_id_tender')),
    sa.ForeignKeyConstraint(['lot_id'], ['lot.id'], name=op.f('fk_bid_bond_lot_id_lot')),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_bid_bond_org_id_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bid_bond')),
    sa.UniqueConstraint('account', name=op.f('uq_bid_bond_account')),
    sa.UniqueConstraint('lot_id', 'org_id', 'number', name=op.f('uq_bid_bond_lot_id_org_id_number'))
    )
    with op.batch_alter_table('bid_bond', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_bid_bond_tender_id'), ['tender_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_bid_bond_org_id'), ['org_id'], unique=False)

    op.create_table('bond_payment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('bond_id', sa.Uuid(), nullable=True),
    sa.Column('seat_id', sa.Uuid(), nullable=True),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('arrived_at', INSTANT, nullable=False),
    sa.Column('booked_at', INSTANT, nullable=False),
    sa.Column('bank_ref', sa.String(length=64), nullable=False),
    sa.Column('payer_name', sa.String(length=200), nullable=False),
    sa.Column('payer_hash', sa.String(length=64), nullable=False),
    sa.Column('payer_shown', sa.String(length=40), nullable=False),
    sa.Column('own', sa.Boolean(), nullable=False),
    sa.Column('record_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('(bond_id IS NULL) <> (seat_id IS NULL)', name=op.f('ck_bond_payment_one_account')),
    sa.ForeignKeyConstraint(['bond_id'], ['bid_bond.id'], name=op.f('fk_bond_payment_bond_id_bid_bond')),
    sa.ForeignKeyConstraint(['seat_id'], ['auction_seat.id'], name=op.f('fk_bond_payment_seat_id_auction_seat')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bond_payment')),
    sa.UniqueConstraint('bank_ref', name=op.f('uq_bond_payment_bank_ref'))
    )
    with op.batch_alter_table('bond_payment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_bond_payment_bond_id'), ['bond_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_bond_payment_seat_id'), ['seat_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_bond_payment_booked_at'), ['booked_at'], unique=False)
    dialect = op.get_bind().dialect.name
    if dialect == 'postgresql':
        op.execute(sa.text('CREATE OR REPLACE TRIGGER guard_bond_payment BEFORE UPDATE OR DELETE ON bond_payment FOR EACH ROW EXECUTE FUNCTION refuse_rewrite()'))
    if dialect == 'sqlite':
        op.execute(sa.text("CREATE TRIGGER IF NOT EXISTS guard_bond_payment_update BEFORE UPDATE ON bond_payment BEGIN SELECT RAISE(ABORT, 'history of bond_payment is append-only'); END"))
        op.execute(sa.text("CREATE TRIGGER IF NOT EXISTS guard_bond_payment_delete BEFORE DELETE ON bond_payment BEGIN SELECT RAISE(ABORT, 'history of bond_payment is append-only'); END"))

    op.create_table('bond_order',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('auction_id', sa.Uuid(), nullable=True),
    sa.Column('seat_id', sa.Uuid(), nullable=True),
    sa.Column('bond_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.Enum(*KIND, name='bondorderkind', native_enum=False, length=16), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=80), nullable=False),
    sa.Column('row', sa.String(length=40), nullable=False),
    sa.Column('since', INSTANT, nullable=False),
    sa.Column('due_at', INSTANT, nullable=False),
    sa.Column('ordered_at', INSTANT, nullable=False),
    sa.Column('done_at', INSTANT, nullable=True),
    sa.Column('interest', sa.BigInteger(), nullable=True),
    sa.CheckConstraint('(bond_id IS NULL) <> (seat_id IS NULL)', name=op.f('ck_bond_order_one_deposit')),
    sa.ForeignKeyConstraint(['auction_id'], ['auction.id'], name=op.f('fk_bond_order_auction_id_auction')),
    sa.ForeignKeyConstraint(['seat_id'], ['auction_seat.id'], name=op.f('fk_bond_order_seat_id_auction_seat')),
    sa.ForeignKeyConstraint(['bond_id'], ['bid_bond.id'], name=op.f('fk_bond_order_bond_id_bid_bond')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bond_order')),
    sa.UniqueConstraint('seat_id', name=op.f('uq_bond_order_seat_id')),
    sa.UniqueConstraint('bond_id', name=op.f('uq_bond_order_bond_id'))
    )
    with op.batch_alter_table('bond_order', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_bond_order_auction_id'), ['auction_id'], unique=False)
        batch_op.create_index('ix_bond_order_done_at_due_at', ['done_at', 'due_at'], unique=False)
    op.execute(sa.text(
        "INSERT INTO bond_order (id, auction_id, seat_id, kind, amount, reason, \"row\", since, due_at, ordered_at, done_at) "
        "SELECT id, auction_id, seat_id, kind, amount, reason, '', ordered_at, due_at, ordered_at, done_at "
        "FROM auction_bond_order"
    ))
    with op.batch_alter_table('auction_bond_order', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_auction_bond_order_auction_id'))
    op.drop_table('auction_bond_order')


def downgrade():
    op.create_table('auction_bond_order',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('auction_id', sa.Uuid(), nullable=False),
    sa.Column('seat_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum(*KIND, name='bondorderkind', native_enum=False, length=16), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=80), nullable=False),
    sa.Column('due_at', INSTANT, nullable=False),
    sa.Column('ordered_at', INSTANT, nullable=False),
    sa.Column('done_at', INSTANT, nullable=True),
    sa.ForeignKeyConstraint(['auction_id'], ['auction.id'], name=op.f('fk_auction_bond_order_auction_id_auction')),
    sa.ForeignKeyConstraint(['seat_id'], ['auction_seat.id'], name=op.f('fk_auction_bond_order_seat_id_auction_seat')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_auction_bond_order')),
    sa.UniqueConstraint('seat_id', name=op.f('uq_auction_bond_order_seat_id'))
    )
    with op.batch_alter_table('auction_bond_order', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_auction_bond_order_auction_id'), ['auction_id'], unique=False)
    op.execute(sa.text(
        'INSERT INTO auction_bond_order (id, auction_id, seat_id, kind, amount, reason, due_at, ordered_at, done_at) '
        'SELECT id, auction_id, seat_id, kind, amount, reason, due_at, ordered_at, done_at '
        'FROM bond_order WHERE seat_id IS NOT NULL'
    ))
    op.drop_table('bond_order')
    op.drop_table('bond_payment')
    op.drop_table('bid_bond')
