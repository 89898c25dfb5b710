"""FastSpeech 2: the model, and how it is trained."""
