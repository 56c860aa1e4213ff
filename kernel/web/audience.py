"""Every door says who may come in. An application with an undeclared door does not start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, overload

from flask import Flask

from kernel.errors import NotAllowed, NotSignedIn
from kernel.rights import Role
from kernel.web.current import actor, me, presence

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Audience:
    """``kind``: public, signed_in or api. ``roles`` and ``scopes``: one of them is needed; empty for any."""

    kind: str
    roles: tuple[Role, ...] = ()
    scopes: tuple[str, ...] = ()


def public(view: View) -> View:
    """For everybody. The actor is known all the same when somebody is signed in."""
    view.audience = Audience("public")  # type: ignore[attr-defined]
    return view


@overload
def signed_in(role: View, /) -> View: ...
@overload
def signed_in(*roles: Role) -> Callable[[View], View]: ...
def signed_in(*given: Any) -> Any:
    """For signed-in people; with roles, for those who hold one of them in the organisation they act for.

    Written ``@signed_in`` or ``@signed_in(Role.BUYER, Role.AGENT)``.
    """
    if len(given) == 1 and not isinstance(given[0], Role):
        return _people_only(())(given[0])
    return _people_only(given)


def _people_only(roles: tuple[Role, ...]) -> Callable[[View], View]:
    def guard(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            person = me()
            if person.session_id is None:
                raise NotAllowed("browser_only")
            if roles and not person.has(*roles):
                raise NotAllowed("role_needed", roles=[role.value for role in roles])
            return view(*args, **kwargs)

        guarded.audience = Audience("signed_in", roles)  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return guard


def api(*scopes: str) -> Callable[[View], View]:
    """For tokens of one of the scopes, or a signed-in browser; without scopes for everybody."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if scopes:
                if presence() is None:
                    raise NotSignedIn("not_signed_in")
                who = actor()
                if who.session_id is None and not who.scopes & set(scopes):
                    raise NotAllowed("scope_needed", scopes=list(scopes))
            return view(*args, **kwargs)

        guarded.audience = Audience("api", scopes=scopes)  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return guard


def limited(limit: str) -> Callable[[View], View]:
    """Fewer posts than usual to this door from one address, for example ``10 per minute``."""

    def mark(view: View) -> View:
        view.limit = limit  # type: ignore[attr-defined]
        return view

    return mark


def audience_of(view: Callable[..., Any]) -> Audience | None:
    found = getattr(view, "audience", None)
    return found if isinstance(found, Audience) else None


def require_audiences(app: Flask) -> None:
    """Refuse to start with a door that does not say whom it is for."""
    open_doors = sorted(
        endpoint for endpoint, view in app.view_functions.items() if audience_of(view) is None
    )
    if open_doors:
        raise SystemExit(f"these endpoints name no audience: {', '.join(open_doors)}")
