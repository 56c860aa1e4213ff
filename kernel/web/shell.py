"""What every page's frame needs: who is there, the navigation, the server's time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Flask, current_app, request, url_for
from werkzeug.routing import BuildError

from kernel.errors import Refusal
from kernel.i18n import current_lang, gettext, marked, party_name
from kernel.rights import Actor, Role
from kernel.room import NavEntry
from kernel.web.current import actor, platform

ROLE_NAMES = {
    Role.BUYER: marked("Buyer"),
    Role.AGENT: marked("Agency"),
    Role.BIDDER: marked("Bidder"),
    Role.EXPERT: marked("Evaluation expert"),
    Role.SUPERVISOR: marked("Supervisor"),
    Role.CUSTODIAN: marked("Custodian"),
    Role.OPERATOR: marked("Operator"),
}


@dataclass(frozen=True)
class Me:
    """The signed-in person as pages show them; ``role`` is the word for the first role held."""

    name: str
    org_name: str
    role: str
    roles: frozenset[Role]
    person_id: UUID | None
    org_id: UUID | None

    def has(self, *names: str) -> bool:
        """Whether one of these roles is held, by name: ``me.has("buyer", "agent")``."""
        return any(role.value in names for role in self.roles)


def role_text(role: Role | str) -> str:
    """The word for a role in the current language."""
    return gettext(ROLE_NAMES[Role(role)])


def me_of(who: Actor) -> Me | None:
    if who.is_anonymous:
        return None
    first = min(who.roles, key=list(Role).index, default=None)
    return Me(
        name=who.name,
        org_name=party_name(who.org_name),
        role=role_text(first) if first else "",
        roles=who.roles,
        person_id=who.person_id,
        org_id=who.org_id,
    )


def navigation(who: Actor) -> list[tuple[str, str, str, bool]]:
    """The lines of the navigation for somebody: (words, address, icon, whether this is the page).

    Public entries come to those who are not signed in, and after the own ones to those who are.
    """
    entries: list[NavEntry] = sorted(
        (entry for room in platform().rooms for entry in room.nav), key=lambda entry: entry.order
    )
    own = [entry for entry in entries if entry.roles and who.has(*entry.roles)]
    everybody = [entry for entry in entries if not entry.roles]
    chosen = [*own, *everybody]
    return [
        (gettext(entry.msgid), url_for(entry.endpoint), entry.icon, request.endpoint == entry.endpoint)
        for entry in chosen
        if entry.endpoint in current_app.view_functions
    ]


def _context() -> dict[str, Any]:
    try:
        who = actor()
    except Refusal:  # a wrong bearer token: the problem page is shown to nobody known
        from kernel.rights import ANONYMOUS

        who = ANONYMOUS
    house = platform()
    city = house.settings.city_name_zh if current_lang() == "zh-CN" else house.settings.city_name_en
    return {
        "me": me_of(who),
        "nav": navigation(who),
        "server_now": house.outside.clock.now(),
        "operator_name": city,
        "demo": house.settings.demo,
        "links": links(),
        "time_url": "/time",
        "role_text": role_text,
        "in_language": in_language,
    }


def in_language(lang: str) -> str:
    """This very page in another language: its query as it is, but for ``lang``."""
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return f"?{urlencode([*query, ('lang', lang)])}"


def links() -> dict[str, str]:
    """Addresses the frames refer to, where the page exists."""
    names = {
        "sign_in": "identity.sign_in",
        "sign_out": "identity.sign_out",
        "register": "identity.register",
        "desk": "trading.my_desk" if "trading.my_desk" in current_app.view_functions else "identity.account",
        "search": "trading.search",
        "accessibility": "trading.accessibility",
        "privacy": "trading.privacy",
        "help": "trading.help_page",
        "source": "trading.source",
        "verify": "supervision.log_page",
        "figures": "supervision.statistics_page",
        "data": "api.docs",
    }
    return {
        name: url_for(endpoint) for name, endpoint in names.items() if endpoint in current_app.view_functions
    }


def door(endpoint: str, **values: Any) -> str | None:
    """The address of a door of any room, or None where this house has no such door."""
    if endpoint not in current_app.view_functions:
        return None
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return None


def init_app(app: Flask) -> None:
    app.context_processor(_context)
    app.jinja_env.globals["door"] = door
    app.jinja_env.globals.setdefault("csrf_token", lambda: "")
