"""What `make demo` runs: a voice is trained and served from end to end, to look at and to listen to."""
