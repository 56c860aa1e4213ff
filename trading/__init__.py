"""The tender itself: lots, notices, documents, clarifications, objections, contract."""
