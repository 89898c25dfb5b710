"""TTSService: what is observed, planned and concluded. Nothing here but ``observe`` touches anything outside."""
