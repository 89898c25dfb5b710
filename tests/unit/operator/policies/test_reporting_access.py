"""The account of the pods and its binding: made before the pods, in each namespace that lacks them."""

from __future__ import annotations

import pytest

from tests.unit.operator import builders as b
from tests.unit.operator import service_builders as s
from tts_operator.serving.observe import ObservedService
from tts_operator.shared_policies import ReportingAccess

BOTH = ["Create ServiceAccount", "Create RoleBinding"]


@pytest.mark.parametrize(
    ("observed", "wanted"),
    [
        pytest.param(s.seen(), [], id="both are there"),
        pytest.param(s.seen(access=False), BOTH, id="both are missing"),
        pytest.param(s.seen(None, b.ACCOUNT, access=False), BOTH[1:], id="the binding is missing"),
        pytest.param(s.seen(None, b.BINDING, access=False), BOTH[:1], id="the account is missing"),
        pytest.param(s.seen(s.from_training(), access=False), [], id="no pods are made yet"),
    ],
)
def test_what_is_done(observed: ObservedService, wanted: list[str]) -> None:
    assert s.acted(ReportingAccess(), observed) == wanted
