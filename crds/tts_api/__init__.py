"""Every contract that crosses a border: the two resources, the run document, reports and the voice's card.

Nothing here knows torch, kopf or a Kubernetes client, so that the operator, the pods and any tool can share it.
"""

GROUP = "ttsoperator.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

__all__ = ["API_VERSION", "GROUP", "VERSION"]
