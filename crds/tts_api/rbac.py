"""RBAC rules about the custom kinds: what the operator, the workload pods and the users of a namespace may do.

The chart's roles take these rules from a generated file. What the operator may do with other kinds is in the chart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tts_api import GROUP
from tts_api.kinds import CUSTOM_KINDS, CustomKind

READ = ["get", "list", "watch"]
WRITE = ["create", "update", "patch", "delete", "deletecollection"]


def roles(kinds: Iterable[CustomKind[Any]] = CUSTOM_KINDS) -> dict[str, list[dict[str, Any]]]:
    """The rules of each role: of the operator, of the workload pods, and of the users who may edit or only view."""
    kinds = tuple(kinds)
    resources = [kind.plural for kind in kinds]
    statuses = [f"{kind.plural}/status" for kind in kinds]
    scales = [f"{kind.plural}/scale" for kind in kinds if kind.scale]
    return {
        "operator": [
            _rule(resources, READ),
            _rule(statuses, ["patch"]),
            # Children carry owner references with blockOwnerDeletion, which asks for this.
            _rule([f"{kind.plural}/finalizers" for kind in kinds], ["update"]),
        ],
        # The admission policy narrows this to one field of one object.
        "workload": [_rule(statuses, ["patch"])],
        "edit": [
            _rule(resources, READ + WRITE),
            *(_rule([scale], ["get", "update", "patch"]) for scale in scales),
        ],
        "view": [_rule(resources + statuses, READ)],
    }


def _rule(resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [GROUP], "resources": list(resources), "verbs": list(verbs)}
