"""What supervisors and the nightly checks do. Every look at confidential data and every order is a fact."""

from supervision.actions.checks import PromiseResult, run_promises, watch_lights
from supervision.actions.orders import Counts, order_resumption, order_suspension, read_counts

__all__ = [
    "Counts",
    "PromiseResult",
    "order_resumption",
    "order_suspension",
    "read_counts",
    "run_promises",
    "watch_lights",
]
