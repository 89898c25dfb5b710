"""A level-triggered engine that knows nothing of text-to-speech: queue, cache, actions, lease, events, and the loop
that drives a ``Controller`` through observe, plan, act, conclude and events."""
