"""The service account of the workload pods and the RoleBinding that lets it report, in each namespace that needs them.

They carry no owner reference, because many resources share them. The operator makes them again when they are deleted.
What the account may write is derived from the kinds, in ``tts_api.rbac`` and ``tts_api.admission``.
"""

from __future__ import annotations

from tts_api.admission import WORKLOAD_SERVICE_ACCOUNT
from tts_operator.engine.actions import Action, Create
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import ROLE_BINDING, SERVICE_ACCOUNT, Key
from tts_operator.engine.records import Child
from tts_operator.pods import MANAGED_BY

SHARED = (Child(SERVICE_ACCOUNT), Child(ROLE_BINDING))
"""The kinds of objects that all resources of a namespace share."""


def missing(cache: Cache, namespace: str) -> tuple[bool, bool]:
    """Whether the account and its binding are missing in a namespace."""
    key = Key(namespace, WORKLOAD_SERVICE_ACCOUNT)
    return cache.get(SERVICE_ACCOUNT, key) is None, cache.get(ROLE_BINDING, key) is None


def mend(namespace: str, cluster_role: str, *, account: bool, binding: bool) -> tuple[Action, ...]:
    """The actions that create what is missing: the account, the binding, or both."""
    metadata = {"name": WORKLOAD_SERVICE_ACCOUNT, "namespace": namespace, "labels": MANAGED_BY}
    group = ROLE_BINDING.group
    account_body = {
        "apiVersion": SERVICE_ACCOUNT.api_version,
        "kind": SERVICE_ACCOUNT.name,
        "metadata": metadata,
        "automountServiceAccountToken": False,
    }
    binding_body = {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.name,
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": cluster_role},
        "subjects": [{"kind": SERVICE_ACCOUNT.name, "name": WORKLOAD_SERVICE_ACCOUNT, "namespace": namespace}],
    }
    actions: list[Action] = []
    if account:
        actions.append(Create(SERVICE_ACCOUNT, account_body, owner="", adopt_labels={}))
    if binding:
        actions.append(Create(ROLE_BINDING, binding_body, owner="", adopt_labels=MANAGED_BY))
    return tuple(actions)
