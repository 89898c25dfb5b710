"""The control plane: turns the two resources into Kubernetes objects and reports what became of them.

Never imports PyTorch or the workloads; what crosses the border between them is in ``tts_api``.
"""
