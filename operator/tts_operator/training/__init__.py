"""The kind TTSTraining: observe, plan and conclude. Only ``observe`` reads the caches; the rest is pure."""
