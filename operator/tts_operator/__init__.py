"""The control plane: turns the two resources into Kubernetes objects and reports their state.

It never imports PyTorch or the workloads. The documents that both sides exchange are in ``tts_api``.
"""
