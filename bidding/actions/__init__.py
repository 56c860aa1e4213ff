"""What people and the timekeeper do in this room, one module per chapter of a bid's life."""
