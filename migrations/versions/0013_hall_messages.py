"""Messages in the opening hall.

Revision ID: 6d13f0a7c5b2
Revises: 9d27b1e6a4c8
"""

import sqlalchemy as sa
from alembic import op

revision = '6d13f0a7c5b2'
down_revision = '9d27b1e6a4c8'
branch_labels = None
depends_on = None

INSTANT = sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql')


def upgrade():
    op.create_table('hall_message',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tender_id', sa.Uuid(), nullable=False),
    sa.Column('org_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('voice', sa.String(length=12), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('said_at', INSTANT, nullable=False),
    sa.Column('record_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_hall_message_org_id_organization')),
    sa.ForeignKeyConstraint(['tender_id'], ['tender.id'], name=op.f('fk_hall_message_tender_id_tender')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hall_message'))
    )
    with op.batch_alter_table('hall_message', schema=None) as batch_op:
        batch_op.create_index('ix_hall_message_tender_id_said_at', ['tender_id', 'said_at'], unique=False)
    dialect = op.get_bind().dialect.name
    if dialect == 'postgresql':
        op.execute(sa.text('CREATE OR REPLACE TRIGGER guard_hall_message BEFORE UPDATE OR DELETE ON hall_message FOR EACH ROW EXECUTE FUNCTION refuse_rewrite()'))
    if dialect == 'sqlite':
        op.execute(sa.text("CREATE TRIGGER IF NOT EXISTS guard_hall_message_update BEFORE UPDATE ON hall_message BEGIN SELECT RAISE(ABORT, 'history of hall_message is append-only'); END"))
        op.execute(sa.text("CREATE TRIGGER IF NOT EXISTS guard_hall_message_delete BEFORE DELETE ON hall_message BEGIN SELECT RAISE(ABORT, 'history of hall_message is append-only'); END"))


def downgrade():
    op.drop_table('hall_message')
