"""Placement: whether every pod has a node, and if not, why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.training.policies.placement import Placement


def unplaced(message: str) -> Any:
    return b.pod(phase="Pending", unplaced=message)


@pytest.mark.parametrize(
    ("nodes", "pods", "expected"),
    [
        pytest.param(1, [], "Scheduled!Pending", id="no pod"),
        pytest.param(1, [b.pod()], "Scheduled=Scheduled", id="placed"),
        pytest.param(2, [b.pod()], "Scheduled!Pending", id="one of two"),
        pytest.param(2, [b.pod(), b.pod("quick-train-1-aaaaa")], "Scheduled=Scheduled", id="both"),
        pytest.param(1, [b.pod(phase="Failed", exit_code=1)], "Scheduled!Pending", id="ended"),
        pytest.param(1, [unplaced("no node")], "Scheduled!Unschedulable Progressing!Unschedulable", id="no node"),
        pytest.param(
            1,
            [unplaced('persistentvolumeclaim "corpus" not found')],
            "Scheduled!ClaimMissing Progressing!ClaimMissing",
            id="no claim",
        ),
        pytest.param(
            1,
            [unplaced("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found")],
            "Scheduled!ClaimUnbound Progressing!ClaimUnbound",
            id="no volume",
        ),
    ],
)
def test_what_is_found(nodes: int, pods: Any, expected: str) -> None:
    assert b.found(Placement(), b.seen(b.training({"spec.resources": {"nodes": nodes}}), b.job(), *pods)) == expected
