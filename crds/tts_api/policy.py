"""The ValidatingAdmissionPolicies that hold a workload pod to its own part of its own resource's status.

RBAC lets the pods' service account patch the status of both kinds; the policy says which part of which object. It is
made from the status types, so that a field added there is protected from the pods until somebody decides otherwise.
"""

from __future__ import annotations

from typing import Any

from pydantic.alias_generators import to_camel

from tts_api import GROUP, VERSION
from tts_api.base import Document
from tts_api.resources.service import TTSServiceStatus
from tts_api.resources.training import TTSTrainingStatus

WORKLOAD_SERVICE_ACCOUNT = "tts-workload"
"""Service account of every training and service pod, in the namespace of its resource."""

POD_OWNED_FIELD = {"ttstrainings": "progress", "ttsservices": "performance"}
"""The one status field of each kind that its pods write."""

_STATUS: dict[str, type[Document]] = {"ttstrainings": TTSTrainingStatus, "ttsservices": TTSServiceStatus}
# What follows the resource's name in the name of its pods. Names are at most 40 characters, so nothing is truncated.
_POD_SUFFIX = {"ttstrainings": "-train-[0-9]+-[a-z0-9]{5}", "ttsservices": "-serve-[a-z0-9]+-[a-z0-9]{5}"}
_POD_NAME = "authentication.kubernetes.io/pod-name"


def policy(plural: str) -> dict[str, Any]:
    """The policy for one kind, by its plural name."""
    owned = POD_OWNED_FIELD[plural]
    fields = [field.alias or to_camel(name) for name, field in _STATUS[plural].model_fields.items()]
    pod_name = f"request.userInfo.extra['{_POD_NAME}'][0]"
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": f"tts-workload-{plural}"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": [VERSION],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [plural, f"{plural}/status"],
                    }
                ]
            },
            "matchConditions": [
                {
                    "name": "from-a-workload-pod",
                    "expression": "request.userInfo.username.startsWith('system:serviceaccount:') && "
                    f"request.userInfo.username.endsWith(':{WORKLOAD_SERVICE_ACCOUNT}')",
                }
            ],
            "validations": [
                {
                    "expression": "request.operation == 'UPDATE' && request.subResource == 'status'",
                    "message": "a workload pod may only update the status of its resource",
                },
                {
                    "expression": f"request.userInfo.username == 'system:serviceaccount:' + request.namespace + "
                    f"':{WORKLOAD_SERVICE_ACCOUNT}'",
                    "message": "a workload pod may only report to a resource of its own namespace",
                },
                {
                    "expression": f"has(request.userInfo.extra) && '{_POD_NAME}' in request.userInfo.extra && "
                    f"{pod_name}.matches('^' + object.metadata.name + '{_POD_SUFFIX[plural]}$')",
                    "message": "a workload pod may only report to the resource that it was made for",
                },
                *(
                    {
                        "expression": f"object.?status.?{name} == oldObject.?status.?{name}",
                        "message": f"status.{name} belongs to the operator: a workload pod writes status.{owned} alone",
                    }
                    for name in fields
                    if name != owned
                ),
            ],
        },
    }


def binding(plural: str) -> dict[str, Any]:
    """What puts the policy of one kind into force, in every namespace."""
    name = f"tts-workload-{plural}"
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }


def documents() -> list[dict[str, Any]]:
    """Policies and bindings of both kinds."""
    return [make(plural) for plural in POD_OWNED_FIELD for make in (policy, binding)]
