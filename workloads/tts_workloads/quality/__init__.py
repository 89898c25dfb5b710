"""How good a voice is, measured from outside: what a recogniser understands. Needs the extra ``recogniser``."""
