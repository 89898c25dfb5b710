"""The programs in the pods: training a voice and serving it. They need PyTorch. Only ``report`` talks to Kubernetes."""
