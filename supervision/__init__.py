"""The fourth floor: read everything, change little. The log's public side, lights, orders and evidence."""
