"""What identity offers to the house: it is the ground floor's own room."""

from __future__ import annotations

from kernel.identity import account, admin  # they add their doors to the blueprint
from kernel.identity.actions import RIGHTS
from kernel.identity.api import api
from kernel.identity.panels import waiting_organizations
from kernel.identity.views import views
from kernel.rights import Role
from kernel.room import NavEntry, Room

assert account
assert admin

room = Room(
    "identity",
    blueprints=(views, api),
    rights=RIGHTS,
    panels=(waiting_organizations,),
    nav=(
        NavEntry("Organizations and people", "identity.organizations", (Role.OPERATOR,), "building", 80),
        NavEntry("My account", "identity.account", tuple(Role), "user", 95),
    ),
)
