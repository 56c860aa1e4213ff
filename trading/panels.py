"""What contracts show on the pages of a tender and of a workbench."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from kernel.i18n import marked
from kernel.ledger import book
from kernel.rights import Actor
from kernel.web.current import platform
from kernel.web.panels import Filling, panel
from trading.contract_desk import contract_lines, side_of
from trading.queries import signed_contracts
from trading.rules.lifecycle import Stage


@panel("tender", "contract", marked("Contract"), order=70)
def contract_panel(session: Session, subject: Any, actor: Actor) -> Filling:
    """Signed contracts for everybody; for the parties the way to sign one."""
    signed = {one.lot_id: one for one in signed_contracts(session, subject)}
    rows = []
    for lot in subject.lots:
        one, side = signed.get(lot.id), side_of(actor, subject, lot)
        if one is not None or (side and lot.stage in (Stage.AWARDED, Stage.CONTRACTED)):
            leaf = book.place_of(session, one.record_id) if one is not None and one.record_id else None
            rows.append({"lot": lot, "contract": one, "leaf": leaf, "side": side})
    if not rows:
        return None
    return "trading/_contract_panel.html", {"tender": subject, "rows": rows, "count": len(rows)}


@panel("desk", "contracts", order=20)
def duty_panel(session: Session, subject: Any, actor: Actor) -> Filling:
    """Contracts that wait for this organisation."""
    now = platform().outside.clock.now()
    lines = [one for one in contract_lines(session, actor, now) if one.todo not in ("nothing", "wait")]
    return ("trading/_contract_duties.html", {"lines": lines, "now": now}) if lines else None


PANELS = (contract_panel, duty_panel)
