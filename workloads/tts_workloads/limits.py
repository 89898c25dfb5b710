"""How long a clip may be. It stands alone, so that whoever makes a corpus can read it without PyTorch."""

SHORTEST_SECONDS = 0.1
LONGEST_SECONDS = 30.0
"""Longer clips make the table of the alignment too large. Their owner has to cut them."""
