"""TTSTraining: what is observed, planned and concluded. Only ``observe`` reads the caches; the rest is pure."""
