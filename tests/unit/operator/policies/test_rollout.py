"""The rollout: when the Deployment is applied, and how far it is."""

from __future__ import annotations

import pytest

from tests.unit.operator import service_builders as s
from tts_operator.serving.observe import ObservedService
from tts_operator.serving.policies.rollout import Rollout

APPLY = ["Apply Deployment"]
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out."}
THREE = s.service({"spec.replicas": 3})


@pytest.mark.parametrize(
    ("observed", "wanted", "expected"),
    [
        pytest.param(s.seen(), APPLY, "Progressing?Pending", id="new"),
        pytest.param(s.seen(s.from_training()), [], "Progressing?Pending", id="no voice"),
        pytest.param(s.seen(None, s.deployment()), [], "Progressing!RolledOut", id="rolled out"),
        pytest.param(s.seen(None, s.deployment(owner="another")), APPLY, "Progressing!RolledOut", id="of another"),
        pytest.param(s.seen(THREE, s.deployment()), APPLY, "Progressing=RollingOut", id="more replicas"),
        pytest.param(s.seen(THREE, s.deployment(THREE, replicas=3)), [], "Progressing=RollingOut", id="one of three"),
        pytest.param(
            s.seen(None, s.deployment(observedGeneration=0)),
            [],
            "Progressing=RollingOut",
            id="not looked at yet",
        ),
        pytest.param(
            s.seen(None, s.deployment(unavailableReplicas=1)), [], "Progressing=RollingOut", id="one is unavailable"
        ),
        pytest.param(
            s.seen(None, s.deployment(conditions=[LATE])), [], "Progressing!ProgressDeadlineExceeded", id="too late"
        ),
        pytest.param(
            s.seen(s.service({"spec.limits.maxInputCharacters": 9}), s.deployment()),
            APPLY,
            "Progressing!RolledOut",
            id="another limit",
        ),
        pytest.param(
            s.seen(s.service({"spec.image": "example.com/new:2"}), s.deployment()),
            APPLY,
            "Progressing!RolledOut",
            id="another image",
        ),
    ],
)
def test_what_is_done_and_found(observed: ObservedService, wanted: list[str], expected: str) -> None:
    assert s.acted(Rollout(), observed) == wanted
    assert s.found(Rollout(), observed) == expected
