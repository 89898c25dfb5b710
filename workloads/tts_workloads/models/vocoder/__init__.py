"""Vocoders: from mel frames to sound, and how they are trained."""
