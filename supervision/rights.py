"""Who may do what in this room: supervisors, the platform itself for its nightly checks,
and bidders for answers about themselves."""

from __future__ import annotations

from kernel.rights import Permission, Right, Role, any_of, for_org, holds, only_system

ORDER_ISSUE = Permission("supervision:order:issue")
COUNTS_READ = Permission("supervision:counts:read")
CHECKS_RUN = Permission("supervision:checks:run")
LEAD_BUILD = Permission("supervision:lead:build")
LEAD_HANDLE = Permission("supervision:lead:handle")
LEAD_ANSWER = Permission("supervision:lead:answer")
TRACES_IMPORT = Permission("supervision:traces:import")
TRACES_CONSENT = Permission("supervision:traces:consent")

RIGHTS: dict[Permission, Right] = {
    ORDER_ISSUE: holds(Role.SUPERVISOR),
    COUNTS_READ: holds(Role.SUPERVISOR),
    CHECKS_RUN: any_of(only_system, holds(Role.SUPERVISOR)),
    LEAD_BUILD: only_system,
    LEAD_HANDLE: holds(Role.SUPERVISOR),
    LEAD_ANSWER: for_org("org_id", Role.BIDDER),
    TRACES_IMPORT: holds(Role.SUPERVISOR),
    TRACES_CONSENT: holds(Role.BIDDER),
}
