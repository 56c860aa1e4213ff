"""The printed defaults of each format; a notice changes what it prints differently.

Source: rules §4.1–§4.8 (F2: §4.8; values there are proposals of the specification).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bidding.rules.auction.terms import (
    Basis,
    Direction,
    Extension,
    ExtensionMode,
    Format,
    Item,
    Listing,
    Norm,
    PricesShown,
    RankShown,
    Rounds,
    Sealing,
    Step,
    Terms,
    TieRule,
    Trigger,
    Turns,
    Visible,
)

_DAY = 86400
_REVERSE = Extension(ExtensionMode.FROM_BID, 300, 300, Trigger.BEST, count_max=10)
_ASCENDING = Extension(ExtensionMode.FROM_BID, 300, 300, Trigger.ANY)
_BLIND = Visible(rank=RankShown.BEST_OR_NOT)
_HALL = Visible(best=True, rank=RankShown.EXACT, prices=PricesShown.MASKED, count=True)
_STREET = Visible(best=True, rank=RankShown.EXACT, prices=PricesShown.PLATES, public_live=True)


def _profile(kind: Format) -> dict[str, Any]:
    down, up = Direction.DOWN, Direction.UP
    blind = {"basis": Basis.OWN, "equal_prices": True, "self_outbid": True, "visible": _BLIND}
    small = {"free_seconds": 1200, "extension": Extension(ExtensionMode.FROM_BID, 120, 120, Trigger.BEST, 5)}
    percent = Step(percent=Decimal("0.5"))
    match kind:
        case Format.OPEN_REVERSE:
            return {
                "direction": down,
                "step": percent,
                "extension": _REVERSE,
                "bidders_min": 3,
                "visible": _HALL,
            }
        case Format.BLIND_REVERSE:
            return {"direction": down, "step": percent, "extension": _REVERSE, "bidders_min": 3, **blind}
        case Format.SMALL:
            base = {"base": Format.BLIND_REVERSE, "step": percent, "bidders_min": 3}
            return {"direction": down, **base, **small, **blind}
        case Format.ASCENDING:
            return {"direction": up, "step": percent, "extension": _ASCENDING, "visible": _STREET}
        case Format.LISTING:
            listed = {"listing": Listing(), "free_seconds": 10 * _DAY, "visible": _STREET}
            return {"direction": up, "step": percent, **listed}
        case Format.MULTI_OFFER:
            listed = {
                "listing": Listing(0, 240, everyone_enters=True),
                "free_seconds": _DAY,
                "visible": _STREET,
            }
            return {"direction": up, "step": percent, **listed}
        case Format.CAPPED:
            listed = {"listing": Listing(), "free_seconds": 10 * _DAY, "visible": _STREET}
            return {"direction": up, "step": percent, **listed}
        case Format.SEALED_ROUNDS:
            rounds = Rounds(3, 600, 120, best_after_each=True)
            return {"direction": down, "rounds": rounds, "bidders_min": 3, "equal_prices": True}
        case Format.ONE_OFFER:
            sealed = {"sealing": Sealing.SEALED, "ties": TieRule.ROUND_THEN_DRAW, "equal_prices": True}
            return {"direction": up, "free_seconds": _DAY, **sealed}
        case Format.WEIGHTED:
            items = (Item("price", Decimal(70), Norm.RATIO), Item("plan", Decimal(30), Norm.POINTS))
            sealed = {"sealing": Sealing.SEALED, "equal_prices": True}
            return {"direction": up, "free_seconds": _DAY, "items": items, **sealed}
        case Format.DUTCH:
            shown = Visible(best=True, prices=PricesShown.PLATES, public_live=True)
            return {"direction": up, "visible": shown}
        case Format.JAPANESE:
            return {"direction": down, "bidders_min": 3}
        case Format.TURN_BASED:
            shown = Visible(best=True, prices=PricesShown.PLATES, rank=RankShown.EXACT, count=True)
            return {"direction": down, "step": percent, "turns": Turns(), "bidders_min": 2, "visible": shown}
    raise AssertionError(kind)


def default_terms(kind: Format, /, **printed: Any) -> Terms:
    """The default terms of a format with the notice's own entries (``start``, ``step`` …) in their place.

    Raises:
        NotValid: ``auction_terms_invalid``.
    """
    return Terms(**{"format": kind, **_profile(kind), **printed})
