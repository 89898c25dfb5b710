"""What a workload pod may write: the ValidatingAdmissionPolicies of its account.

RBAC lets the account of the pods patch the status of every kind; the policy narrows this to one field of the object
that the pod was made for. The policy is derived from the status types: it protects a field that is added there from the
pods until somebody decides otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tts_api import GROUP, VERSION
from tts_api.kinds import CUSTOM_KINDS, CustomKind

WORKLOAD_SERVICE_ACCOUNT = "tts-workload"
"""Service account of every training and service pod, in the namespace of its resource."""

_POD_NAME = "authentication.kubernetes.io/pod-name"


def policy(kind: CustomKind[Any]) -> dict[str, Any]:
    """The ValidatingAdmissionPolicy for one kind."""
    pod_name = f"request.userInfo.extra['{_POD_NAME}'][0]"
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": _name(kind)},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": [VERSION],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [kind.plural, f"{kind.plural}/status"],
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
                    f"{pod_name}.matches('^' + object.metadata.name + '{kind.pod_suffix}$')",
                    "message": "a workload pod may only report to the resource that it was made for",
                },
                *(
                    {
                        "expression": f"object.?status.?{name} == oldObject.?status.?{name}",
                        "message": f"status.{name} belongs to the operator: "
                        f"a workload pod writes status.{kind.pod_owned_field} alone",
                    }
                    for name in kind.operator_owned_fields
                ),
            ],
        },
    }


def binding(kind: CustomKind[Any]) -> dict[str, Any]:
    """The object that puts the policy of one kind into force, in every namespace."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": _name(kind)},
        "spec": {"policyName": _name(kind), "validationActions": ["Deny"]},
    }


def documents(kinds: Iterable[CustomKind[Any]] = CUSTOM_KINDS) -> list[dict[str, Any]]:
    """The policy and the binding of every kind."""
    return [make(kind) for kind in kinds for make in (policy, binding)]


def _name(kind: CustomKind[Any]) -> str:
    return f"tts-workload-{kind.plural}"
