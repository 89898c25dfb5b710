"""Vocoders: from frames to sound, and how they are trained."""
