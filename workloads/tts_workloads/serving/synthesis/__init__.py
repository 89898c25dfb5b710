"""From sentences to sound: the loaded voice, the engine that batches requests, scripts, timestamps and audio formats.

Nothing in this folder knows HTTP: ``serving.http`` imports it, and never the other way round."""
