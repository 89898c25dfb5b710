"""The front: the Service is created where it is missing."""

from __future__ import annotations

import pytest

from tests.unit.operator import service_builders as s
from tts_operator.engine.objects import CORE_SERVICE
from tts_operator.serving.observe import ObservedService
from tts_operator.serving.policies.front import FrontService


@pytest.mark.parametrize(
    ("observed", "wanted"),
    [
        pytest.param(s.seen(), ["Create Service"], id="new"),
        pytest.param(s.seen(None, s.FRONT), [], id="there"),
        pytest.param(s.seen(None, s.child(CORE_SERVICE, "another-uid")), ["Create Service"], id="of another service"),
        pytest.param(s.seen(s.from_training()), [], id="no voice"),
    ],
)
def test_what_is_done(observed: ObservedService, wanted: list[str]) -> None:
    assert s.acted(FrontService(), observed) == wanted
