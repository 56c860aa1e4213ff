"""Machine doors of the ground floor: who am I, what time is it, and the description of the API itself."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from kernel.facts import rfc3339
from kernel.web import platform, public
from kernel.web.current import me
from kernel.web.headers import without_trusted_types
from kernel.web.openapi import Shown, endpoint, published

api = Blueprint("api", __name__, url_prefix="/api")


class Whoami(Shown):
    """The holder of a token: the organisation it acts for, roles and scopes."""

    person_id: str
    organization_id: str | None
    organization: str
    roles: list[str]
    scopes: list[str]
    kid: str


class TimeShown(Shown):
    """The platform's time, RFC 3339 in UTC. Deadlines know no other."""

    now: str


@api.get("/v1/me")
@endpoint(
    "Who the token acts for",
    answers={200: Whoami},
    scopes=("read", "bid", "custody", "audit", "admin"),
    tag="identity",
)
def whoami() -> Whoami:
    who = me()
    return Whoami(
        person_id=str(who.person_id),
        organization_id=None if who.org_id is None else str(who.org_id),
        organization=who.org_name,
        roles=sorted(role.value for role in who.roles),
        scopes=sorted(who.scopes),
        kid=who.kid,
    )


@api.get("/v1/time")
@endpoint("The platform's time", answers={200: TimeShown}, tag="platform")
def now() -> TimeShown:
    return TimeShown(now=rfc3339(platform().outside.clock.now()))


@api.get("/openapi.json")
@public
def openapi() -> Response:
    return published()


@api.get("/docs")
@public
def docs() -> str:
    without_trusted_types()
    return render_template("identity/api_docs.html")
