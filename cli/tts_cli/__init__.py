"""The command ``tts``: the same manifests without a cluster.

It checks manifests and corpora, trains and serves on this machine, and speaks. What trains and serves is
``tts_workloads``, which is imported where it is used, because PyTorch takes seconds to load. The operator is not
needed.
"""
