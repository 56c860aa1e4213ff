"""Mail written in the transaction and delivered after it, at least once and never lost."""
