"""The model: whether the voice of a service is there and its pods accept it."""

from __future__ import annotations

import pytest

from tests.unit.operator import service_builders as s
from tts_operator.serving.observe import ObservedService
from tts_operator.serving.policies.model import ModelReadiness

REFUSES = s.pod(exit_code=64, says={"schema": 1, "reason": "DigestMismatch", "message": "another digest"})
MADE = (s.FRONT, s.deployment(readyReplicas=0))


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(s.seen(), "ModelReady=ModelFound", id="on a claim"),
        pytest.param(s.seen(s.from_training(), s.trained()), "ModelReady=ModelFound", id="trained"),
        pytest.param(
            s.seen(s.from_training()),
            "ModelReady!ModelMissing Available!ModelMissing Progressing!ModelMissing",
            id="no training",
        ),
        pytest.param(
            s.seen(s.from_training(), s.trained("Failed")),
            "ModelReady!TrainingFailed Available!TrainingFailed Progressing!TrainingFailed",
            id="the training failed",
        ),
        pytest.param(s.seen(s.from_training(), *MADE), "ModelReady!ModelMissing", id="the training is gone"),
        pytest.param(s.seen(None, *MADE, REFUSES), "ModelReady!DigestMismatch", id="the pod refuses it"),
        pytest.param(s.seen(None, *MADE, s.pod(exit_code=1)), "ModelReady=ModelFound", id="the pod crashed"),
        pytest.param(
            s.seen(None, *MADE, REFUSES, s.pod("speaks", ready=True)), "ModelReady=ModelFound", id="another speaks"
        ),
    ],
)
def test_what_is_found(observed: ObservedService, expected: str) -> None:
    assert s.found(ModelReadiness(), observed) == expected
