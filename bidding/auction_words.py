"""What people read about auctions: names of formats and stages, the printed rules as sentences, texts of the room.

Every sentence about a rule is made from the printed terms, so that a page cannot say what the engine does not do.

Source: rules §4.1–§4.7; design §05 (the label says which rule shows a figure).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bidding.rules.auction.soundness import EXTENDED
from bidding.rules.auction.terms import (
    Basis,
    Direction,
    ExtensionMode,
    Format,
    LimitMode,
    Norm,
    PricesShown,
    PriorityMode,
    RankShown,
    SecondBy,
    Step,
    Terms,
    TieRule,
    Trigger,
)
from kernel.i18n import current_lang, duration, marked, number
from kernel.i18n import gettext as _
from kernel.money import Money

FORMATS: Mapping[Format, str] = {
    Format.OPEN_REVERSE: marked("Open reverse auction"),
    Format.BLIND_REVERSE: marked("Blind reverse auction"),
    Format.SEALED_ROUNDS: marked("Sealed rounds"),
    Format.LISTING: marked("Listing with a limited-time round"),
    Format.ASCENDING: marked("Ascending auction"),
    Format.CAPPED: marked("Capped price, then a second indicator"),
    Format.MULTI_OFFER: marked("Several offers"),
    Format.ONE_OFFER: marked("One sealed offer"),
    Format.WEIGHTED: marked("Weighted offer"),
    Format.DUTCH: marked("Dutch auction"),
    Format.JAPANESE: marked("Japanese auction"),
    Format.SMALL: marked("Small purchase"),
    Format.TURN_BASED: marked("Rounds of turns"),
}

ABOUT: Mapping[Format, str] = {
    Format.OPEN_REVERSE: marked("Everybody sees the best price; each offer must be lower by a step."),
    Format.BLIND_REVERSE: marked("Bidders see their own offers only, and what is printed below."),
    Format.SEALED_ROUNDS: marked("A fixed number of rounds; the offers of a round are opened together."),
    Format.LISTING: marked(
        "Free offers over days, an inquiry, then a round in which each offer restarts the clock."
    ),
    Format.ASCENDING: marked("The highest offer wins; late offers move the end."),
    Format.CAPPED: marked("Once the cap is reached, a second quantity or a draw decides."),
    Format.MULTI_OFFER: marked("A free period, then a limited-time round."),
    Format.ONE_OFFER: marked("One sealed offer each; all are opened together."),
    Format.WEIGHTED: marked("Price and other items are weighted as printed."),
    Format.DUTCH: marked("The price moves by a clock; the first who accepts wins."),
    Format.JAPANESE: marked("The price moves by ticks; who does not stay is out."),
    Format.SMALL: marked("Short times for purchases below the threshold."),
    Format.TURN_BASED: marked("Three rounds of turns, the worst price first."),
}

STAGES: Mapping[str, str] = {
    "waiting": marked("Not begun"),
    "running": marked("Bidding"),
    "extended": marked("Bidding, extended"),
    "inquiry": marked("Bidding, inquiry"),
    "limited": marked("Limited-time round"),
    "break": marked("Break between rounds"),
    "willing": marked("Who goes on?"),
    "second": marked("Second indicator"),
    "asking": marked("Priority right is asked"),
    "paused": marked("Paused"),
    "settling": marked("Being settled"),
    "ended": marked("Ended"),
    "failed": marked("Ended without a result"),
    "cancelled": marked("Called off"),
}


def stages_of(terms: Terms) -> dict[str, str]:
    """The stages in words; what follows the first stage of a sealed auction is a second sealed round."""
    found = {name: _(text) for name, text in STAGES.items()}
    if terms.sealed:
        found["second"] = _("Second sealed round")
    return found


REASONS: Mapping[str, str] = {
    "best_offer": marked("The best offer wins"),
    "no_offer": marked("Nobody offered"),
    "too_few_bidders": marked("Fewer bidders than printed"),
    "reserve_not_met": marked("The reserve price was not reached"),
    "below_reserve": marked("The reserve price was not reached"),
    "no_result": marked("No result"),
    "failover": marked("A server of the platform failed and another one took over"),
    "storage": marked("The platform could not store offers"),
    "lottery": marked("Drawn by lot"),
    "second_indicator": marked("The second indicator decided"),
    "cap_alone": marked("Alone at the cap"),
    "highest_score": marked("The highest score wins"),
}


def yuan(value: Money) -> str:
    """An exact amount, without decimals where it has none: 5,386,000 元 or ¥5,386,000."""
    text = number(value.yuan, 2 if value.minor % 100 else 0)
    return f"{text} 元" if current_lang() == "zh-CN" else f"¥{text}"


KINDS: Mapping[str, str] = {
    "offer": marked("Offer"),
    "limit": marked("By standing limit"),
    "match": marked("Priority right"),
    "accept": marked("Accepted the clock's price"),
    "stay": marked("Stayed"),
    "revealed": marked("Sealed, opened"),
    "turn": marked("Turn"),
    "sealed": marked("Sealed"),
}


def kind_word(kind: str | None) -> str:
    """How an offer came to be, in words."""
    return _(KINDS[kind]) if kind is not None and kind in KINDS else "—"


def format_word(terms: Terms) -> str:
    """The name of the format; small purchases also say how they are held."""
    word = _(FORMATS[terms.format])
    return f"{word} · {_(FORMATS[terms.base])}" if terms.base is not None else word


def reason_word(reason: str) -> str:
    """A known reason in words; an operator's own words as they are."""
    return _(REASONS[reason]) if reason in REASONS else reason


def step_text(step: Step | None) -> str:
    """The least improvement as printed."""
    if step is None:
        return "—"
    if step.amount is not None:
        return yuan(step.amount)
    assert step.percent is not None
    return _("%(share)s%%, rounded up to %(unit)s", share=_plain(step.percent), unit=yuan(step.unit))


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def extension_text(terms: Terms) -> str:
    """How late offers move the end."""
    if terms.listing is not None:
        seconds = duration(terms.listing.countdown_seconds)
        return _("Limited-time round: each offer restarts %(time)s", time=seconds)
    rule = terms.extension
    if rule is None:
        return _("None; the end is fixed")
    window, more = duration(rule.window_seconds), duration(rule.extend_seconds)
    if rule.mode is ExtensionMode.LAST_BID_COUNTDOWN:
        text = _("Each offer restarts %(time)s", time=more)
    elif rule.mode is ExtensionMode.FROM_END:
        text = _("Last %(window)s: end + %(more)s", window=window, more=more)
    else:
        text = _("Last %(window)s: %(more)s from the offer", window=window, more=more)
    if rule.count_max is not None:
        text += " · " + _("at most %(n)s times", n=rule.count_max)
    return text


def trigger_text(terms: Terms) -> str:
    """Which offers move the end, where any do."""
    if terms.extension is None:
        return "—"
    best = terms.extension.trigger is Trigger.BEST
    return _("A better best price") if best else _("Every valid offer")


def best_label(terms: Terms) -> str:
    """The label over the best price, saying which rule shows it. Source: rules §4.2; design §05."""
    down, shown = terms.direction is Direction.DOWN, terms.visible
    if terms.rounds is not None and terms.rounds.best_after_each:
        return _("Lowest offer after the last round")
    if not shown.best:
        return _("My valid offer (the best price is not shown in this auction)")
    if shown.prices is PricesShown.PLATES:
        return _("Lowest offer now (by plate number)") if down else _("Highest offer now (by plate number)")
    return (
        _("Lowest offer now (the bidder is not shown)")
        if down
        else _("Highest offer now (the bidder is not shown)")
    )


def visible_text(terms: Terms) -> str:
    """What bidders see of each other. Source: rules §4.2."""
    shown, parts = terms.visible, []
    if shown.best:
        parts.append(_("best price"))
    parts.append(
        {
            RankShown.NONE: _("no rank"),
            RankShown.BEST_OR_NOT: _("best or not"),
            RankShown.TOP_THREE: _("rank within the first three"),
            RankShown.EXACT: _("own rank"),
        }[shown.rank]
    )
    if shown.prices is not PricesShown.NONE:
        plates = shown.prices is PricesShown.PLATES
        parts.append(_("offers by plate") if plates else _("offers without plates"))
    if shown.count:
        parts.append(_("number of bidders"))
    return _(", ").join(parts)


def rule_rows(terms: Terms) -> list[tuple[str, str, str]]:
    """The printed rules as (term, text, source), the few that everybody in the room must have before him first."""
    rows: list[tuple[str, str, str]] = []
    if terms.start is not None:
        rows.append((_("Start price"), yuan(terms.start), "A-04"))
    if terms.ceiling is not None:
        rows.append((_("Ceiling"), yuan(terms.ceiling), "A-04"))
    if terms.cap is not None:
        rows.append((_("Cap"), yuan(terms.cap.price), "F6"))
    if terms.step is not None:
        word = _("Least decrease") if terms.direction is Direction.DOWN else _("Least increase")
        rows.append((word, step_text(terms.step), "A-05"))
    if terms.clock is not None:
        each = _(
            "%(amount)s every %(time)s",
            amount=yuan(terms.clock.move),
            time=duration(terms.clock.tick_seconds),
        )
        rows.append((_("The clock moves"), each, "F10, F11"))
    rows += _format_rows(terms)
    if terms.acts_as in EXTENDED or terms.listing is not None:
        rows.append((_("Extension"), extension_text(terms), "§4.4"))
    rows.append((_("Shown to bidders"), visible_text(terms), "§4.2"))
    return rows + _more_rows(terms)


def _more_rows(terms: Terms) -> list[tuple[str, str, str]]:
    rows = [(_("Bidders needed"), _("at least %(n)s", n=terms.bidders_min), "A-13")]
    own = terms.basis is Basis.OWN or terms.turns is not None
    basis = _("one's own last offer") if own else _("the best offer")
    if terms.step is not None:
        rows.append((_("To be beaten"), basis, "A-05"))
        if terms.step.most is not None:
            asked = _("more than %(n)s steps at once", n=number(terms.step.most))
            rows.append((_("Asked twice"), asked, "A-05"))
    stepped = terms.step is not None and terms.turns is None
    if stepped:
        taken = _("taken, the earlier wins") if terms.equal_prices else _("refused")
        rows.append((_("Equal prices"), taken, "A-10"))
        leader = _("may improve his own offer") if terms.self_outbid else _("may not outbid himself")
        rows.append((_("Leader"), leader, "A-07"))
    if terms.extension is not None:
        rows.append((_("What moves the end"), trigger_text(terms), "§4.4"))
    if terms.tail_seconds_max:
        tail = _("a hidden tail of up to %(time)s follows", time=duration(terms.tail_seconds_max))
        rows.append((_("Hidden end"), tail, "§4.4"))
    if terms.reserve:
        rows.append((_("Reserve price"), _("sealed, opened at the end"), "A-12"))
    if terms.listing is not None:
        rows += _listing_rows(terms)
    limits = {
        LimitMode.NONE: _("not taken"),
        LimitMode.HELD: _("held by the platform, executed at once"),
        LimitMode.SEALED: _("sealed, executed at the end"),
    }[terms.limits]
    rows.append((_("Standing limits"), limits, "§4.7"))
    if terms.priority is not None:
        mode = terms.priority.mode
        how = (
            _("in the session, at the same price")
            if mode is PriorityMode.IN_SESSION
            else _("asked after the end")
        )
        uses = terms.priority.uses
        if uses is not None:
            how += " · " + _("at most %(n)s times", n=uses)
        if mode is PriorityMode.POST_SESSION:
            how += " · " + _("%(n)s min to answer", n=terms.priority.ask_minutes)
        rows.append((_("Priority right"), how, "§4.6"))
    notice = _("resumed after at least %(n)s min", n=terms.outage.resume_notice_minutes)
    rows.append((_("After a fault"), notice, "§4.7"))
    return rows


def item_rows(terms: Terms) -> list[dict[str, str]]:
    """F9's weighted items as the pad and the printed rules show them: name, how it becomes points, and a sentence."""
    found = []
    for item in terms.items:
        match item.norm:
            case Norm.POINTS:
                text = _("0–100 points by the panel")
            case Norm.LINEAR:
                bounds = {"worst": _plain(item.worst or Decimal(0)), "best": _plain(item.best or Decimal(0))}
                text = _("from %(worst)s (0 points) to %(best)s (100 points)", **bounds)
            case _:
                higher = terms.direction is Direction.UP if item.name == "price" else item.higher_is_better
                text = _("higher is better, in proportion") if higher else _("lower is better, in proportion")
        weight = _("weight %(n)s%%", n=_plain(item.weight))
        name = _("Price") if item.name == "price" else item.name
        found.append(
            {"name": item.name, "norm": item.norm.value, "title": name, "text": f"{weight} · {text}"}
        )
    return found


def _format_rows(terms: Terms) -> list[tuple[str, str, str]]:
    """What only this format prints: items, rounds, turns, the second indicator, ties, the draw."""
    rows = [(one["title"], one["text"], "§4.6 F9") for one in item_rows(terms)]
    if terms.rounds is not None:
        text = _("%(n)s of %(time)s each", n=terms.rounds.count, time=duration(terms.rounds.seconds))
        if terms.rounds.best_after_each:
            text += " · " + _("the best is shown after each")
        rows.append((_("Rounds"), text, "§4.1 F3"))
    if terms.turns is not None:
        text = _("%(n)s, turns of %(time)s", n=terms.turns.rounds, time=duration(terms.turns.turn_seconds))
        rows.append((_("Rounds"), text, "§4.1 F13"))
    if terms.cap is not None:
        named = terms.cap.indicator or _("a second quantity")
        text = _("a verifiable draw") if terms.cap.second is SecondBy.LOTTERY else named
        rows.append((_("At the cap decides"), text, "§4.5 F6"))
    if terms.format is Format.ONE_OFFER:
        first = terms.ties is TieRule.FIRST
        rows.append(
            (
                _("Equal best offers"),
                _("the first received wins") if first else _("a second round, then a draw"),
                "§4.6 F8",
            )
        )
    if terms.lottery_band_percent is not None:
        text = _("among offers within %(n)s%% of the best", n=_plain(terms.lottery_band_percent))
        rows.append((_("Draw"), text, "§4.1 F12"))
    return rows


def _listing_rows(terms: Terms) -> list[tuple[str, str, str]]:
    listing = terms.listing
    assert listing is not None
    who = _("those who answered that they go on")
    if listing.everyone_enters:
        who = _("everybody admitted")
    elif listing.offerers_only:
        who = _("those who have offered")
    inquiry = (
        _("the last %(time)s", time=duration(listing.inquiry_seconds))
        if listing.inquiry_seconds
        else _("none")
    )
    return [(_("Inquiry"), inquiry, "§4.5"), (_("Enter the last round"), who, "§4.5")]


__all__ = [
    "ABOUT",
    "FORMATS",
    "REASONS",
    "STAGES",
    "best_label",
    "extension_text",
    "format_word",
    "item_rows",
    "kind_word",
    "reason_word",
    "rule_rows",
    "stages_of",
    "step_text",
    "visible_text",
    "yuan",
]
