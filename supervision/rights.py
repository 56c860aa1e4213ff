"""Who may do what in this room: supervisors only, and the platform itself for its nightly checks."""

from __future__ import annotations

from kernel.rights import Permission, Right, Role, any_of, holds, only_system

ORDER_ISSUE = Permission("supervision:order:issue")
COUNTS_READ = Permission("supervision:counts:read")
CHECKS_RUN = Permission("supervision:checks:run")

RIGHTS: dict[Permission, Right] = {
    ORDER_ISSUE: holds(Role.SUPERVISOR),
    COUNTS_READ: holds(Role.SUPERVISOR),
    CHECKS_RUN: any_of(only_system, holds(Role.SUPERVISOR)),
}
