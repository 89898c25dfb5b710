"""Kinds and keys: how an object is named in the API and in the queue. The controllers interpret its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Key(NamedTuple):
    """The name of an object, which is unique within its kind."""

    namespace: str
    name: str


@dataclass(frozen=True)
class Kind:
    """A kind of object as the API server serves it."""

    group: str
    version: str
    plural: str
    name: str

    @property
    def api_version(self) -> str:
        """As in an object's ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The path of an object, or of the collection where ``name`` is empty."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        parts = [root, "namespaces" if namespace else "", namespace, self.plural, name, subresource]
        return "/".join(part for part in parts if part)


JOB = Kind("batch", "v1", "jobs", "Job")
DEPLOYMENT = Kind("apps", "v1", "deployments", "Deployment")
POD = Kind("", "v1", "pods", "Pod")
CORE_SERVICE = Kind("", "v1", "services", "Service")
CLAIM = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
EVENT = Kind("events.k8s.io", "v1", "events", "Event")
LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease")


def key_of(body: Mapping[str, Any]) -> Key:
    """The key under which an object is known in its namespace."""
    metadata = body["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


def controller_uid(body: Mapping[str, Any]) -> str | None:
    """The uid of the object that controls this one, or None where nothing does."""
    references = body["metadata"].get("ownerReferences", ())
    return next((r["uid"] for r in references if r.get("controller")), None)
