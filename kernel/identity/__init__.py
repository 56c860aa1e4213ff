"""People, organisations, their roles, keys, sessions and tokens."""
