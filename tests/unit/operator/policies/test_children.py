"""The objects of a training: what is missing is created and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.engine.actions import Create
from tts_operator.engine.objects import CLAIM, CORE_SERVICE, JOB


@pytest.mark.parametrize(
    ("changes", "children", "created"),
    [
        ({}, [], [CLAIM, JOB]),
        ({}, [b.CHILD_CLAIM], [JOB]),
        ({}, [b.CHILD_CLAIM, b.job()], []),
        ({"spec.storage": {"persistentVolumeClaim": {"claimName": "mine"}}}, [], [JOB]),
        ({"spec.resources": {"nodes": 2}}, [b.CHILD_CLAIM], [CORE_SERVICE, JOB]),
        ({"spec.resources": {"nodes": 2}}, [b.CHILD_CLAIM, b.CHILD_SERVICE], [JOB]),
        # A Job of the name that another controls is asked for again, so that the API server says whose it is.
        ({}, [b.CHILD_CLAIM, b.child(JOB, owner="another")], [JOB]),
        ({"spec.training": {"maxSteps": "many"}}, [], []),
    ],
    ids=["new", "claim", "all", "own-claim", "nodes", "nodes-service", "foreign-job", "unreadable"],
)
def test_what_is_missing_is_created_and_nothing_else(changes: Any, children: Any, created: list[Any]) -> None:
    actions = b.planned(b.seen(b.training(changes), *children)).actions
    assert all(isinstance(action, Create) for action in actions)
    assert [action.kind for action in actions] == created


def test_a_claim_that_is_to_be_deleted_has_an_owner_and_the_other_has_none() -> None:

    def owners(when: str) -> list[Any]:
        created = b.planned(b.seen(b.training({"spec.storage": {"whenDeleted": when}}))).actions[0]
        assert isinstance(created, Create)
        assert created.kind == CLAIM
        found: list[Any] = created.body["metadata"].get("ownerReferences", [])
        return [owner["uid"] for owner in found]

    assert owners("Delete") == [b.UID]
    assert owners("Retain") == []
