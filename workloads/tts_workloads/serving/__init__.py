"""Serving: a voice over HTTP as OpenAI's clients expect it.

``process`` starts and stops the server, ``http`` answers requests, and ``synthesis`` makes the sound. Imports go in
this order only."""
