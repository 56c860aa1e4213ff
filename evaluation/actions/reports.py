"""The report: computed by our rules, computed again by the stranger's verifier, signed by every member.

Two engines written apart must agree to the last digit, or no report is made. Source: 实施条例 第五十三条; 政府采购法实施条例
第四十一条; spec rules §2.2, §2.3, §2.6, §2.7, §2.10, V-16.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.closing import opening_of
from bidding.actions.draws import K_VALUE
from bidding.models import Bid, CoefficientDraw, OpenedPart
from evaluation import facts
from evaluation.actions.panels import committed, replace_absent, require_panel, terms_of
from evaluation.actions.review import bids_of_lot
from evaluation.actions.scoring import SCORED, factors_of, sheets_of
from evaluation.blind import blind_secret, codes_of
from evaluation.models import AbnormalReview, EvaluationReport, Panel, Panelist, Verdict
from evaluation.rights import REPORT_SIGN
from evaluation.rules import benchmark, outliers, prices, ranking, scoring
from kernel import documents
from kernel.errors import NotNow, NotValid
from kernel.facts import plain
from kernel.identity.models import Organization, Person
from kernel.identity.signing import require_signature
from kernel.money import Money
from kernel.score import score
from kernel.work import Work
from sealbid import jcs, recompute
from trading.actions.notices import law_of
from trading.models import Lot, Tender
from trading.terms import Terms


class Disagreement(AssertionError):
    """The two engines came to different results: a bug in one of them, never a report."""


def make_report(work: Work, tender: Tender, panel: Panel, lot: Lot) -> EvaluationReport:
    """Compute a lot and write its report; members sign it next."""
    terms = terms_of(tender)
    verdicts = {v.bid_id: v for v in work.scalars(sa.select(Verdict).where(Verdict.lot_id == lot.id))}
    bids = bids_of_lot(work.session, lot.id)
    inputs = inputs_of(work.session, tender, panel, lot, terms, bids, verdicts)
    results = recompute.recompute(inputs)
    _require_agreement(work, tender, panel, lot, terms, bids, verdicts, results)
    version = 1 + (
        work.session.scalar(
            sa.select(sa.func.max(EvaluationReport.version)).where(EvaluationReport.lot_id == lot.id)
        )
        or 0
    )
    body = plain(_body(work.session, tender, panel, lot, terms, bids, verdicts, inputs, results, version))
    digest = hashlib.sha256(jcs.encode(body)).hexdigest()
    report = work.add(
        EvaluationReport(
            id=work.new_id(),
            tender_id=tender.id,
            lot_id=lot.id,
            version=version,
            body=body,
            digest=digest,
            signatures={},
            made_at=work.now,
        )
    )
    recorded = work.record(
        facts.ReportMade(subject=tender.id, tender=tender.code, lot=lot.id, version=version, digest=digest)
    )
    report.record_id = recorded.record_id
    panel.signing_until_at = work.now + law_of(tender, work.now)["report_signing_hours"].duration
    panel.signing_rounds = 0
    return report


def inputs_of(
    session: Session,
    tender: Tender,
    panel: Panel,
    lot: Lot,
    terms: Terms,
    bids: Sequence[tuple[Bid, OpenedPart]],
    verdicts: Mapping[UUID, Verdict],
) -> dict[str, Any]:
    """Everything an award follows from, in the format a stranger recomputes (docs/formats/evidence.md)."""
    listed = [_bid_input(terms, bid, part, verdicts[bid.id]) for bid, part in bids]
    if terms.method == "gp_lowest":
        return {"method": "lowest_price", "bids": listed}
    if terms.method == "evaluated_lowest":
        return {"method": "evaluated_lowest", "bids": listed}
    sheets = sheets_of(session, panel, lot)
    factors = [
        {
            "code": f.id,
            "max": f.max,
            "aggregate": terms.aggregate,
            "scores": [{"bid": s.bid, "member": s.member, "score": f"{s.points[f.id]:.2f}"} for s in sheets],
        }
        for f in terms.factors
    ]
    return {
        "method": "comprehensive",
        "bids": listed,
        "price": _price_input(session, lot, terms, bids),
        "factors": factors,
        "ties": [tie for tie in terms.ties if tie == "lower_price"],
    }


def _bid_input(terms: Terms, bid: Bid, part: OpenedPart, verdict: Verdict) -> dict[str, Any]:
    assert part.price is not None
    given: dict[str, Any] = {"bid": bid.code, "price": f"{part.price.yuan:.2f}"}
    if not verdict.valid:
        grounds = [ground["ground"] for ground in verdict.grounds]
        given["rejected"] = "; ".join(grounds)
        if any(ground["item"] == "ceiling" for ground in verdict.grounds):
            given["stage"] = "opening"  # over the ceiling at the opening: never in the benchmark's set
    if rates := deductions_of(terms, part):
        given["deductions"] = [str(rate) for rate in rates.values()]
    if extra := adjustments_of(terms, part):
        given["adjustments"] = [f"{amount.yuan:.2f}" for amount in extra.values()]
    return given


def deductions_of(terms: Terms, part: OpenedPart) -> dict[str, Decimal]:
    """The printed policy deductions a bid claims; the review has checked the claim."""
    claims = (part.manifest or {}).get("opening", {}).get("claims", [])
    return {
        claim: Decimal(terms.deductions[claim]) for claim in sorted(set(claims)) if claim in terms.deductions
    }


def adjustments_of(terms: Terms, part: OpenedPart) -> dict[str, Money]:
    """Monetised deviations: each unit of a printed opening item beyond its base."""
    opening = (part.manifest or {}).get("opening", {})
    found = {}
    for item in terms.adjustments:
        beyond = Decimal(str(opening.get(item.item, item.base))) - Decimal(item.base)
        if beyond > 0:
            amount = (beyond * Decimal(item.per_unit)).quantize(Decimal("0.01"))
            found[item.item] = Money.from_yuan(str(amount))
    return found


def _price_input(
    session: Session, lot: Lot, terms: Terms, bids: Sequence[tuple[Bid, OpenedPart]]
) -> dict[str, Any]:
    share = Fraction(Decimal(terms.price.weight)) / 100
    if terms.price.formula == "ratio":
        return {"formula": "ratio", "weight": _ratio_text(share)}
    frozen = _valid_prices(lot, bids)
    return {
        "formula": "deviation",
        "benchmark": {
            "id": terms.price.benchmark,
            "k": drawn_k(session, lot),
            "trim": [{"from": n, "high": high, "low": low} for n, high, low in terms.price.trim],
            "decimals": 2,
        },
        "prices": [f"{price.yuan:.2f}" for price in frozen.values()],
        "full": terms.price.full,
        "e1": terms.price.e1,
        "e2": terms.price.e2,
        "factor_weight": _ratio_text(share),
    }


def _ratio_text(share: Fraction) -> str:
    return str(Decimal(share.numerator) / Decimal(share.denominator))


def _valid_prices(lot: Lot, bids: Sequence[tuple[Bid, OpenedPart]]) -> dict[str, Money]:
    """The set V, frozen at the opening: opened and not above the ceiling (spec rules §2.7)."""
    opened = {bid.code: part.price for bid, part in bids if part.price is not None}
    return benchmark.valid_prices(opened, ceiling=lot.ceiling)


def drawn_k(session: Session, lot: Lot) -> str:
    """The coefficient drawn at the opening for a lot."""
    draw = session.scalars(
        sa.select(CoefficientDraw).where(CoefficientDraw.lot_id == lot.id, CoefficientDraw.kind == K_VALUE)
    ).one()
    return str(draw.result[0])


def _require_agreement(
    work: Work,
    tender: Tender,
    panel: Panel,
    lot: Lot,
    terms: Terms,
    bids: Sequence[tuple[Bid, OpenedPart]],
    verdicts: Mapping[UUID, Verdict],
    results: Mapping[str, Any],
) -> None:
    """Our own rules, run beside the verifier's engine; any difference stops the report."""
    valid = [(bid, part) for bid, part in bids if verdicts[bid.id].valid]
    if terms.method in SCORED:
        mine = _scored_places(work, tender, panel, lot, terms, bids, valid)
    else:
        mine = _priced_places(terms, valid)
    theirs = {
        entry["bid"]: (entry["rank"], entry.get("total", entry.get("evaluated")))
        for entry in results["results"]
    }
    if mine != theirs:
        raise Disagreement(f"{tender.code} lot {lot.number}: {mine} != {theirs}")


def _priced_places(terms: Terms, valid: Sequence[tuple[Bid, OpenedPart]]) -> dict[str, tuple[int, str]]:
    evaluated: dict[str, Fraction] = {}
    for bid, part in valid:
        assert part.price is not None
        if terms.method == "gp_lowest":
            rates = [Fraction(rate) for rate in deductions_of(terms, part).values()]
            evaluated[bid.code] = prices.evaluated_price(part.price, rates)
        else:
            extra = [prices.Deviation(code, amount) for code, amount in adjustments_of(terms, part).items()]
            printed = frozenset(item.item for item in terms.adjustments)
            evaluated[bid.code] = prices.with_deviations(part.price, extra, printed).exact
    rounded = {code: score(value) for code, value in evaluated.items()}
    return {
        code: (rank, str(rounded[code])) for rank, codes in prices.lowest_evaluated(rounded) for code in codes
    }


def _scored_places(
    work: Work,
    tender: Tender,
    panel: Panel,
    lot: Lot,
    terms: Terms,
    bids: Sequence[tuple[Bid, OpenedPart]],
    valid: Sequence[tuple[Bid, OpenedPart]],
) -> dict[str, tuple[int, str]]:
    law = law_of(tender, work.now)
    factor_points = scoring.factor_scores(
        law,
        sheets_of(work.session, panel, lot),
        factors_of(terms),
        members=[str(m.number) for m in committed(panel)],
        how=scoring.Aggregation(terms.aggregate),
    )
    price_points = _price_points(work.session, lot, terms, bids, valid)
    totals = {
        bid.code: scoring.total([price_points[bid.code], *factor_points[bid.code].values()])
        for bid, _ in valid
    }
    entries = []
    for bid, part in valid:
        assert part.price is not None
        entries.append(ranking.Entry(bid=bid.code, total=totals[bid.code], price=part.price))
    places = ranking.rank_by_score(entries, (ranking.Tie.LOWER_PRICE,) if "lower_price" in terms.ties else ())
    return {place.bid: (place.rank, str(totals[place.bid])) for place in places}


def _price_points(
    session: Session,
    lot: Lot,
    terms: Terms,
    bids: Sequence[tuple[Bid, OpenedPart]],
    valid: Sequence[tuple[Bid, OpenedPart]],
) -> dict[str, Any]:
    if terms.price.formula == "ratio":
        evaluated = {}
        for bid, part in valid:
            assert part.price is not None
            rates = [Fraction(rate) for rate in deductions_of(terms, part).values()]
            evaluated[bid.code] = prices.evaluated_price(part.price, rates)
        return prices.price_scores(evaluated, Decimal(terms.price.weight))
    frozen = [price.yuan for price in _valid_prices(lot, bids).values()]
    table = [benchmark.Trim(*row) for row in terms.price.trim]
    base = benchmark.bm2(frozen, table=table, k=Decimal(drawn_k(session, lot)))
    found = {}
    for bid, part in valid:
        assert part.price is not None
        rate = benchmark.deviation(part.price.yuan, base)
        full = benchmark.deviation_score(
            rate, full=Decimal(terms.price.full), above=Decimal(terms.price.e1), below=Decimal(terms.price.e2)
        )
        found[bid.code] = scoring.weighted(full, Decimal(terms.price.weight))
    return found


def _body(
    session: Session,
    tender: Tender,
    panel: Panel,
    lot: Lot,
    terms: Terms,
    bids: Sequence[tuple[Bid, OpenedPart]],
    verdicts: Mapping[UUID, Verdict],
    inputs: dict[str, Any],
    results: dict[str, Any],
    version: int,
) -> dict[str, Any]:
    orgs = {
        org.id: org
        for org in session.scalars(
            sa.select(Organization).where(Organization.id.in_([bid.org_id for bid, _ in bids]))
        )
    }
    opening = opening_of(session, tender.id)
    assert opening is not None
    names = {bid.code: (orgs[bid.org_id], part) for bid, part in bids}
    codes = codes_of(session, tender.id)
    return {
        "v": 1,
        "tender": tender.code,
        "title": tender.title,
        "lot": str(lot.number),
        "lot_title": lot.title,
        "version": version,
        "edition": tender.edition,
        "method": terms.method,
        "terms": tender.terms,
        "close_leaf": opening.close_index,
        "opening_record": opening.record_sha256,
        "panel": [{"number": m.number, "seat": m.seat} for m in committed(panel)],
        "draw": panel.draw_inputs,
        "blind": blind_secret(panel.pool_salt).hex(),
        "bids": [
            {
                "bid": bid.code,
                "code": codes[bid.id],
                "bidder": orgs[bid.org_id].name,
                "uscc": orgs[bid.org_id].uscc,
                "price": f"{part.price.yuan:.2f}" if part.price else "",
                "valid": verdicts[bid.id].valid,
                "grounds": verdicts[bid.id].grounds,
            }
            for bid, part in bids
        ],
        "abnormal": [
            {"bid": session.get_one(Bid, a.bid_id).code, "triggers": a.triggers, "accepted": bool(a.accepted)}
            for a in session.scalars(sa.select(AbnormalReview).where(AbnormalReview.lot_id == lot.id))
        ],
        "inputs": inputs,
        "results": results,
        "outliers": _outliers(session, tender, panel, lot, terms),
        "candidates": [
            {
                "rank": entry["rank"],
                "bid": entry["bid"],
                "bidder": names[entry["bid"]][0].name,
                "uscc": names[entry["bid"]][0].uscc,
                "price": entry["price"],
                "score": entry.get("total", entry.get("evaluated")),
            }
            for entry in results["results"]
            if entry["rank"] <= 3
        ],
    }


def _outliers(session: Session, tender: Tender, panel: Panel, lot: Lot, terms: Terms) -> list[dict[str, Any]]:
    """Members' totals that stand apart, for the panel and the supervisor to read (spec rules §7.4)."""
    if terms.method not in SCORED:
        return []
    full = sum((Decimal(f.max) for f in terms.factors), Decimal(0))
    totals: dict[str, dict[str, Decimal]] = {}
    for sheet in sheets_of(session, panel, lot):
        totals.setdefault(sheet.bid, {})[sheet.member] = sum(sheet.points.values(), Decimal(0))
    return [
        {
            "check": finding.check,
            "light": finding.light,
            "bid": finding.bid,
            "member": finding.member,
            "figure": str(
                finding.figure.quantize(Decimal("0.01"))
                if isinstance(finding.figure, Decimal)
                else finding.figure
            ),
        }
        for finding in outliers.far_from_others(totals, full)
    ]


_NEWEST = (
    sa.select(EvaluationReport)
    .where(EvaluationReport.lot_id == sa.bindparam("lot_id"))
    .order_by(EvaluationReport.version.desc())
    .limit(1)
)


def report_of(session: Session, lot_id: UUID) -> EvaluationReport | None:
    """The newest report of a lot."""
    if any(isinstance(row, EvaluationReport) and row.lot_id == lot_id for row in session.new):
        session.flush()
    with session.no_autoflush:  # lot and version of a report never change
        return session.scalars(_NEWEST, {"lot_id": lot_id}).one_or_none()


def signing_body(report: EvaluationReport, member: Panelist, dissent: str) -> dict[str, Any]:
    """What a member signs (type ``report``)."""
    return {
        "v": 1,
        "tender": report.body["tender"],
        "lot": report.body["lot"],
        "version": report.version,
        "digest": report.digest,
        "member": member.number,
        "dissent": dissent,
    }


def sign_report(
    work: Work, report_id: UUID, panelist_id: UUID, sig: object, *, dissent: str = ""
) -> EvaluationReport:
    """One member signs, with a written dissent if there is one; the last signature delivers the report.

    Raises:
        NotNow: ``report_signed``. NotValid: ``signature_missing``, ``signature_wrong``.

    Source: 实施条例 第五十三条.
    """
    member = work.get(Panelist, panelist_id, to=REPORT_SIGN)
    report = work.lock(EvaluationReport, report_id)
    panel = require_panel(work, member.tender_id)
    tender = work.lock(Tender, member.tender_id)
    if report.tender_id != tender.id or member.state != "committed":
        raise NotValid("not_a_member", source="实施条例 第五十三条")
    if str(member.number) in report.signatures:
        return report
    if report.delivered_at is not None:
        raise NotNow("report_signed")
    body = signing_body(report, member, dissent)
    signed = require_signature(
        work.session, work.platform.settings, work.actor.person_id, sig, "report", body
    )
    report.signatures = {
        **report.signatures,
        str(member.number): {"sig": signed, "dissent": dissent, "at": plain(work.now)},
    }
    work.record(
        facts.ReportSigned(
            subject=tender.id,
            tender=tender.code,
            lot=report.lot_id,
            version=report.version,
            number=member.number,
            digest=report.digest,
            dissent=dissent,
        )
    )
    if len(report.signatures) == len(committed(panel)):
        _deliver(work, tender, panel, report)
    return report


def deem_agreed(work: Work, tender: Tender, panel: Panel) -> None:
    """The timekeeper's call: members who neither signed nor wrote a dissent in time count as agreeing.

    The first window needs the signatures of more than half, else it runs once more with a mail to whoever is missing.
    After the second one the law's word is taken as it stands: whoever refuses to sign and gives no reason agrees, if
    anybody signed at all. A report that nobody signed is none: its members are absent and the next of the draw redo it.

    Source: 招标投标法实施条例 第四十八条, 第五十三条; 政府采购法实施条例 第四十一条.
    """
    members = committed(panel)
    panel.signing_until_at = work.now + law_of(tender, work.now)["report_signing_hours"].duration
    panel.signing_rounds += 1
    panel.version += 1
    last = panel.signing_rounds >= law_of(tender, work.now)["report_signing_rounds"].count
    reports = [report_of(work.session, lot.id) for lot in tender.lots]
    for report in reports:
        if report is None or report.delivered_at is not None:
            continue
        silent = [one for one in members if str(one.number) not in report.signatures]
        signed = len(report.signatures)
        enough = 2 * signed > len(members) or (last and signed > 0)
        work.record(
            facts.SigningEnded(
                subject=tender.id,
                tender=tender.code,
                lot=report.lot_id,
                version=report.version,
                silent=tuple(one.number for one in silent),
                deemed=enough,
                round=panel.signing_rounds,
            )
        )
        if enough:
            deemed = {
                str(one.number): {"deemed": True, "dissent": "", "at": plain(work.now)} for one in silent
            }
            report.signatures = {**report.signatures, **deemed}
            _deliver(work, tender, panel, report)
        else:
            _remind(work, tender, silent)
    if last and not any(report.signatures for report in reports if report is not None):
        _replace_everybody(work, tender, panel, [report for report in reports if report is not None])


def _remind(work: Work, tender: Tender, silent: Sequence[Panelist]) -> None:
    for member in silent:
        person = work.session.get_one(Person, member.person_id)
        work.message(to=person.email, template="sign_report", lang=person.lang, tender=tender.code)


def _replace_everybody(work: Work, tender: Tender, panel: Panel, reports: list[EvaluationReport]) -> None:
    """Nobody signed in two windows: the members are absent without leave, and their conclusions are void."""
    for report in reports:
        report.superseded_at = work.now
        work.record(
            facts.ReportSuperseded(
                subject=tender.id,
                tender=tender.code,
                lot=report.lot_id,
                version=report.version,
                digest=report.digest,
            )
        )
    replace_absent(work, tender, panel, committed(panel), "signed nothing in two windows")


def _deliver(work: Work, tender: Tender, panel: Panel, report: EvaluationReport) -> None:
    from evaluation.report_pdf import render_report

    if work.platform.settings.make_pdfs:
        stored = documents.store(work.platform.outside.blobs, render_report(report.body, report.signatures))
        report.pdf_sha256 = stored.sha256
    report.delivered_at = work.now
    work.record(
        facts.ReportDelivered(
            subject=tender.id,
            tender=tender.code,
            lot=report.lot_id,
            version=report.version,
            digest=report.digest,
            pdf=report.pdf_sha256 or "",
        )
    )
    work.session.flush()
    waiting = [
        lot
        for lot in tender.lots
        if (newest := report_of(work.session, lot.id)) is not None and newest.delivered_at is None
    ]
    if not waiting:
        panel.state = "finished"
        panel.version += 1
