"""Measurements behind the claims on speed and memory: `make bench`. Both sides of a ratio run side by side."""
