"""Serving: a voice over HTTP as OpenAI's clients expect it."""
