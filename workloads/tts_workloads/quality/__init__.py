"""How good a voice is, measured from outside: what a recogniser understands, and what people would think of it. Needs
the extra ``quality``."""
