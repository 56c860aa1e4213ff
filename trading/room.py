"""The tender room's whole offer on one screen."""

from kernel.room import Room
from trading.rights import RIGHTS

room = Room("trading", rights=RIGHTS)
