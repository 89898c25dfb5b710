"""The main job from end to end, to look at and to listen to: what `make demo` runs."""
