"""Rules of supervision: pure functions."""
