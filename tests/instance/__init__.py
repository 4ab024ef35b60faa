"""A running Home Assistant 2026.11 with p1meter in it: what the demo shows and the end-to-end tests drive.

Nothing here needs pytest, and nothing of it ships.
"""
