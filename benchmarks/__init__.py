"""Measurements as ratios in one run: each states its load, machine, commit and the limit it defends."""
