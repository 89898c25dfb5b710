"""The documents that the operator, the pods and other tools exchange: the two resources, the run document, reports and
the card inside a voice.

Nothing here imports torch, kopf or a Kubernetes client, so that every program can use it. The files in the order in
which they build on each other:

- ``base``: the base class of every document, small shared types and CEL rules
- ``choices``, ``architectures``: the names that a user can choose from
- ``reasons``, ``report``: what pods report, and why something is as it is
- ``resources``: TTSTraining and TTSService
- ``run``, ``run_documents``, ``voice``: what a pod is given, how it follows from a spec, and what a pod leaves
- ``rules``, ``kinds``, ``structural``, ``crd``, ``admission``, ``rbac``, ``reference``, ``generate``: what is generated
  from the types
"""

GROUP = "ttsoperator.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

__all__ = ["API_VERSION", "GROUP", "VERSION"]
