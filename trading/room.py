"""The tender room's whole offer on one screen."""

from kernel.rights import Role
from kernel.room import NavEntry, Room
from trading.api import api
from trading.panels import PANELS
from trading.promises import PROMISES
from trading.rights import RIGHTS
from trading.search import install_search
from trading.views import views

room = Room(
    "trading",
    blueprints=(views, api),
    rights=RIGHTS,
    promises=PROMISES,
    panels=PANELS,
    schema=(install_search,),
    nav=(
        NavEntry("Notices", "trading.notices", (), "list-search", 10),
        NavEntry("Guide", "trading.guides", (), "book", 90),
        NavEntry("Workbench", "trading.my_desk", (Role.BUYER, Role.AGENT, Role.BIDDER), "home", 5),
        NavEntry("Contracts", "trading.my_contracts", (Role.BUYER, Role.AGENT, Role.BIDDER), "signature", 45),
        NavEntry("New project", "trading.new_project", (Role.BUYER, Role.AGENT), "file-plus", 6),
    ),
)
