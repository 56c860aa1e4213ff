"""Contracts and lapsed awards.

Revision ID: ed4f4878f55f
Revises: 592304cb4d17
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = 'ed4f4878f55f'
down_revision = '592304cb4d17'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('award_lapse',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tender_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('bid', sa.String(length=32), nullable=False),
    sa.Column('org_id', sa.Uuid(), nullable=False),
    sa.Column('ground', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('bond', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql'), nullable=False),
    sa.Column('record_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['lot_id'], ['lot.id'], name=op.f('fk_award_lapse_lot_id_lot')),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_award_lapse_org_id_organization')),
    sa.ForeignKeyConstraint(['tender_id'], ['tender.id'], name=op.f('fk_award_lapse_tender_id_tender')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_award_lapse'))
    )
    with op.batch_alter_table('award_lapse', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_award_lapse_lot_id'), ['lot_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_award_lapse_org_id'), ['org_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_award_lapse_tender_id'), ['tender_id'], unique=False)

    op.create_table('contract',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tender_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(length=60), nullable=False),
    sa.Column('buyer_id', sa.Uuid(), nullable=False),
    sa.Column('org_id', sa.Uuid(), nullable=False),
    sa.Column('price', sa.BigInteger(), nullable=False),
    sa.Column('performance_bond', sa.BigInteger(), nullable=False),
    sa.Column('body', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('signatures', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('drafted_at', sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql'), nullable=False),
    sa.Column('signed_at', sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql'), nullable=True),
    sa.Column('document_sha256', sa.String(length=64), nullable=True),
    sa.Column('pdf_sha256', sa.String(length=64), nullable=True),
    sa.Column('filing_no', sa.String(length=80), nullable=True),
    sa.Column('filed_at', sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql'), nullable=True),
    sa.Column('record_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['buyer_id'], ['organization.id'], name=op.f('fk_contract_buyer_id_organization')),
    sa.ForeignKeyConstraint(['lot_id'], ['lot.id'], name=op.f('fk_contract_lot_id_lot')),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_contract_org_id_organization')),
    sa.ForeignKeyConstraint(['tender_id'], ['tender.id'], name=op.f('fk_contract_tender_id_tender')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contract')),
    sa.UniqueConstraint('number', name=op.f('uq_contract_number'))
    )
    with op.batch_alter_table('contract', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contract_buyer_id'), ['buyer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_contract_lot_id'), ['lot_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_contract_org_id'), ['org_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_contract_tender_id'), ['tender_id'], unique=False)



def downgrade():
    with op.batch_alter_table('contract', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_contract_tender_id'))
        batch_op.drop_index(batch_op.f('ix_contract_org_id'))
        batch_op.drop_index(batch_op.f('ix_contract_lot_id'))
        batch_op.drop_index(batch_op.f('ix_contract_buyer_id'))

    op.drop_table('contract')
    with op.batch_alter_table('award_lapse', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_award_lapse_tender_id'))
        batch_op.drop_index(batch_op.f('ix_award_lapse_org_id'))
        batch_op.drop_index(batch_op.f('ix_award_lapse_lot_id'))

    op.drop_table('award_lapse')
