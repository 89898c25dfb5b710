"""What runs inside the pods: training a voice and serving it. Needs PyTorch, knows no Kubernetes but in ``report``."""
