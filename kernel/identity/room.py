"""What identity offers to the house: it is the ground floor's own room."""

from __future__ import annotations

from kernel.identity.actions import RIGHTS
from kernel.room import Room

room = Room("identity", rights=RIGHTS)
