"""What the sealing client says about its machine and files, with consent; addresses of other acts.

Revision ID: 5b0c7d1e9a50
Revises: ed4f4878f55f
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '5b0c7d1e9a50'
down_revision = 'ed4f4878f55f'
branch_labels = None
depends_on = None

INSTANT = sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql')
JSON = sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')


def upgrade():
    op.create_table('client_trace',
    sa.Column('bid_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('org_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('text', sa.String(length=16), nullable=False),
    sa.Column('at', INSTANT, nullable=False),
    sa.Column('device', JSON, nullable=False),
    sa.Column('documents', JSON, nullable=False),
    sa.ForeignKeyConstraint(['bid_id'], ['bid.id'], name=op.f('fk_client_trace_bid_id_bid')),
    sa.ForeignKeyConstraint(['lot_id'], ['lot.id'], name=op.f('fk_client_trace_lot_id_lot')),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_client_trace_org_id_organization')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_client_trace_person_id_person')),
    sa.PrimaryKeyConstraint('bid_id', name=op.f('pk_client_trace'))
    )
    with op.batch_alter_table('client_trace', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_client_trace_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_client_trace_lot_id'), ['lot_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_client_trace_person_id'), ['person_id'], unique=False)

    op.create_table('address_trace',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tender_id', sa.Uuid(), nullable=False),
    sa.Column('org_id', sa.Uuid(), nullable=False),
    sa.Column('moment', sa.String(length=16), nullable=False),
    sa.Column('at', INSTANT, nullable=False),
    sa.Column('address', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_address_trace_org_id_organization')),
    sa.ForeignKeyConstraint(['tender_id'], ['tender.id'], name=op.f('fk_address_trace_tender_id_tender')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_address_trace'))
    )
    with op.batch_alter_table('address_trace', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_address_trace_tender_id'), ['tender_id'], unique=False)

    with op.batch_alter_table('submission_trace', schema=None) as batch_op:
        batch_op.drop_index('ix_submission_trace_device')
        batch_op.drop_column('device')


def downgrade():
    with op.batch_alter_table('submission_trace', schema=None) as batch_op:
        batch_op.add_column(sa.Column('device', sa.String(length=64), server_default='', nullable=False))
        batch_op.create_index('ix_submission_trace_device', ['device'], unique=False)
    with op.batch_alter_table('address_trace', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_address_trace_tender_id'))
    op.drop_table('address_trace')
    with op.batch_alter_table('client_trace', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_client_trace_person_id'))
        batch_op.drop_index(batch_op.f('ix_client_trace_lot_id'))
        batch_op.drop_index(batch_op.f('ix_client_trace_at'))
    op.drop_table('client_trace')
