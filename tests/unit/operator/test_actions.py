"""What becomes of an action, by what the API server has and answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator.fake_api import FakeApi, owned
from tests.unit.operator.simulation import simulated
from tts_operator.engine.actions import Apply, Create, Outcome, Patch, act
from tts_operator.engine.api import ApiError
from tts_operator.engine.objects import CLAIM, DEPLOYMENT, JOB, Key

OURS, ANOTHER = "uid-of-ours", "uid-of-another"
KEY = Key("speech", "child")
LABELS = {"app.kubernetes.io/managed-by": "tts-operator"}
CREATE = Create(JOB, owned(JOB, "child", OURS)[1], OURS)
ADOPT = Create(CLAIM, owned(CLAIM, "child", OURS)[1], OURS, adopt_labels=LABELS)
APPLY = Apply(DEPLOYMENT, owned(DEPLOYMENT, "child", OURS)[1], OURS)
PATCH = Patch(JOB, KEY, {"spec": {"suspend": True}})
WHO_HAS_IT = "Job child exists and belongs to Other other"
NOBODYS = "exists and is not ours"
GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def acted(api: FakeApi, *actions: Any) -> list[Outcome]:
    return simulated(lambda: act(api, actions))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("action", "there", "verdict", "message"),
    [
        pytest.param(CREATE, None, "done", "", id="create"),
        pytest.param(CREATE, owned(JOB, "child", OURS), "exists", "", id="create-ours"),
        pytest.param(CREATE, owned(JOB, "child", ANOTHER), "conflict", WHO_HAS_IT, id="create-anothers"),
        pytest.param(CREATE, owned(JOB, "child", None), "conflict", f"Job child {NOBODYS}", id="create-nobodys"),
        pytest.param(ADOPT, owned(CLAIM, "child", None, labels=LABELS), "exists", "", id="adopt"),
        pytest.param(ADOPT, owned(CLAIM, "child", None), "conflict", NOBODYS, id="adopt-without-our-labels"),
        pytest.param(ADOPT, owned(CLAIM, "child", ANOTHER, labels=LABELS), "conflict", "belongs", id="adopt-anothers"),
        pytest.param(APPLY, None, "done", "", id="apply"),
        pytest.param(APPLY, owned(DEPLOYMENT, "child", OURS), "done", "", id="apply-ours"),
        pytest.param(APPLY, owned(DEPLOYMENT, "child", ANOTHER), "conflict", "belongs to", id="apply-anothers"),
        pytest.param(APPLY, owned(DEPLOYMENT, "child", None), "conflict", NOBODYS, id="apply-nobodys"),
        pytest.param(PATCH, owned(JOB, "child", OURS), "done", "", id="patch"),
        pytest.param(PATCH, None, "gone", "", id="patch-gone"),
    ],
)
def test_what_is_there_decides_what_becomes_of_it(action: Any, there: Any, verdict: str, message: str) -> None:
    api = FakeApi(*([there] if there else []))
    [outcome] = acted(api, action)
    assert outcome.verdict == verdict
    assert message in outcome.message
    assert bool(outcome.message) == (verdict == "conflict")
    if verdict == "conflict":
        assert api.get(*there[:1], KEY)["metadata"]["ownerReferences"] == there[1]["metadata"]["ownerReferences"]
    if verdict in ("done", "exists"):
        assert outcome.body == api.get(action.kind, KEY)


@pytest.mark.parametrize("status", [400, 403, 404, 422], ids=str)
@pytest.mark.parametrize(("action", "verb"), [(CREATE, "create"), (APPLY, "apply")], ids=["create", "apply"])
def test_a_refusal_is_data(action: Any, verb: str, status: int) -> None:
    api = FakeApi()
    api.fail(verb, [status])
    [outcome] = acted(api, action)
    assert (outcome.verdict, outcome.message) == ("refused", f"{verb} failed with {status}")


@pytest.mark.parametrize("status", [0, 401, 408, 429, 500, 503], ids=str)
@pytest.mark.parametrize(
    ("action", "verb"),
    [(CREATE, "create"), (APPLY, "apply"), (APPLY, "read"), (PATCH, "patch")],
    ids=["create", "apply", "read-before-apply", "patch"],
)
def test_what_may_pass_by_itself_is_raised(action: Any, verb: str, status: int) -> None:
    api = FakeApi(owned(JOB, "child", OURS)) if action is PATCH else FakeApi()
    api.fail(verb, [status])
    with pytest.raises(ApiError) as raised:
        acted(api, action)
    assert raised.value.status == status


@pytest.mark.parametrize(
    ("there", "words"),
    [
        pytest.param([owned(JOB, "child", OURS, **GOING)], "still being deleted", id="deleting"),
        pytest.param([owned(JOB, "child", ANOTHER, **GOING)], "still being deleted", id="anothers-deleting"),
        pytest.param([], "came and went", id="gone-since"),
    ],
)
def test_a_name_that_becomes_free_is_waited_for(there: list[Any], words: str) -> None:
    api = FakeApi(*there)
    api.fail("create", [409])
    with pytest.raises(ApiError, match=words) as raised:
        acted(api, CREATE)
    assert raised.value.is_transient


@pytest.mark.parametrize(
    ("there", "faults", "verdicts"),
    [
        pytest.param([], [], ["done", "gone"], id="goes-on-after-done"),
        pytest.param([owned(JOB, "child", OURS)], [], ["exists", "done"], id="goes-on-after-exists"),
        pytest.param([owned(JOB, "child", ANOTHER)], [], ["conflict"], id="stops-at-a-conflict"),
        pytest.param([], [403], ["refused"], id="stops-at-a-refusal"),
    ],
)
def test_later_actions_need_the_earlier_ones(there: list[Any], faults: list[int], verdicts: list[str]) -> None:
    api = FakeApi(*there)
    api.fail("create", faults)
    later = Patch(JOB, KEY if there else Key("speech", "another"), {"spec": {}})
    assert [outcome.verdict for outcome in acted(api, CREATE, later)] == verdicts
