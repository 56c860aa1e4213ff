"""What experts, buyers and the timekeeper do in this room, one module per chapter of an evaluation."""
