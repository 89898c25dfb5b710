"""Golden files: a resource and what is in the cluster as YAML, and beside it what the operator makes of them.

``golden/<name>.in.yaml`` holds the resource first and then everything else that the operator sees: children, pods and
other resources. ``golden/<name>.out.yaml`` holds what one pass makes of it: the actions with whole objects, the time of
the next look, and the status that is written. A difference fails the test. To rewrite the files after a change that is
meant, run

    UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/unit/operator/test_golden.py

and read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.operator import builders as b
from tts_operator.engine import objects
from tts_operator.engine.actions import Action, Patch
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import Kind, key_of
from tts_operator.registry import CONTROLLERS
from tts_operator.registry import KINDS as RECORDS

GOLDEN = Path(__file__).parent / "golden"
DECIDING: dict[Kind, Any] = {made.record.kind: made for made in (make(b.SETTINGS) for make in CONTROLLERS)}
KINDS = {kind.name: kind for kind in (*vars(objects).values(), *DECIDING) if isinstance(kind, Kind)}
NAMES = sorted(path.name.removesuffix(".in.yaml") for path in GOLDEN.glob("*.in.yaml"))


def as_document(action: Action) -> dict[str, Any]:
    """An action as it is written to a golden file."""
    if isinstance(action, Patch):
        return {"action": "Patch", "kind": action.kind.name, "name": action.key.name, "patch": dict(action.patch)}
    return {"action": type(action).__name__, "object": dict(action.body)}  # type: ignore[union-attr]


def rendered(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """What one pass makes of the first document, where the others are in the cluster."""
    cache = Cache(RECORDS.owners)
    for body in documents:
        kind = KINDS[body["kind"]]
        cache.put(kind, b.projected(kind, body))
    resource = documents[0]
    controller = DECIDING[KINDS[resource["kind"]]]
    observed = controller.observe(key_of(resource), cache)
    plan = controller.plan(observed, b.NOW)
    return {
        "actions": [as_document(action) for action in plan.actions],
        "requeueAt": plan.requeue_at.isoformat() if plan.requeue_at else None,
        "status": controller.conclude(observed, (), b.NOW),
    }


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True


def as_yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, width=110, allow_unicode=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_rendered_is_what_was_rendered_before(name: str) -> None:
    found = as_yaml(rendered(list(yaml.safe_load_all((GOLDEN / f"{name}.in.yaml").read_text()))))
    path = GOLDEN / f"{name}.out.yaml"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(found)
    assert found == path.read_text()


def test_every_file_has_its_pair() -> None:
    assert NAMES
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(
        f"{name}.{side}.yaml" for name in NAMES for side in ("in", "out")
    )
