"""A level-triggered engine that is independent of text-to-speech.

The informers fill a cache and put the keys of resources on queues. Workers take a key and drive a ``Controller``
through observe, plan, act, conclude and events. The records of kinds say which resources there are to look after.
"""
