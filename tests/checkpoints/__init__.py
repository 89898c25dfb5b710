"""Checkpoints as an earlier version wrote them, one in the middle of each stage, with the run document and the loss
curve of that training. Every later version has to resume from them; they are never written anew."""
