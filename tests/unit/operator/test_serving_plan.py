"""What a service needs done, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tests.unit.operator import service_builders as s
from tts_operator.engine.actions import Action, Apply, Create
from tts_operator.engine.objects import CORE_SERVICE
from tts_operator.serving.observe import ObservedService
from tts_operator.serving.plan import plan
from tts_operator.settings import Settings


def planned(observed: ObservedService, settings: Settings = b.SETTINGS) -> tuple[Action, ...]:
    return plan(observed, settings, b.NOW).actions


def words(actions: tuple[Action, ...]) -> list[str]:
    return [f"{type(action).__name__} {action.kind.name}" for action in actions]


BOTH = ["Create Service", "Apply Deployment"]
ACCESS = ["Create ServiceAccount", "Create RoleBinding"]
OTHER = "another-uid"


@pytest.mark.parametrize(
    ("observed", "wanted"),
    [
        pytest.param(s.seen(), BOTH, id="a voice on a claim needs no training"),
        pytest.param(s.seen(access=False), ACCESS + BOTH, id="account and binding come first"),
        pytest.param(s.seen(s.from_training()), [], id="no training of the name"),
        pytest.param(s.seen(s.from_training(), s.trained("")), [], id="the training goes on"),
        pytest.param(s.seen(s.from_training(), s.trained("Failed")), [], id="the training failed"),
        pytest.param(s.seen(s.from_training(), s.trained()), BOTH, id="the training is complete"),
        pytest.param(s.seen(None, s.FRONT, s.deployment()), [], id="all is there"),
        pytest.param(s.seen(None, s.deployment()), ["Create Service"], id="somebody deleted the Service"),
        pytest.param(s.seen(None, s.FRONT), ["Apply Deployment"], id="somebody deleted the Deployment"),
        pytest.param(
            s.seen(s.service({"spec.replicas": 3}), s.FRONT, s.deployment()), ["Apply Deployment"], id="more replicas"
        ),
        pytest.param(
            s.seen(None, s.FRONT, s.deployment(s.service({"spec.replicas": 5}))),
            ["Apply Deployment"],
            id="somebody scaled the Deployment behind the service's back",
        ),
        pytest.param(
            s.seen(s.service({"spec.limits.maxInputCharacters": 9}), s.FRONT, s.deployment()),
            ["Apply Deployment"],
            id="another limit",
        ),
        pytest.param(
            s.seen(s.service({"spec.image": "example.com/new:2"}), s.FRONT, s.deployment()),
            ["Apply Deployment"],
            id="another image",
        ),
        pytest.param(
            s.seen(None, s.FRONT, s.deployment(owner=OTHER)),
            ["Apply Deployment"],
            id="a Deployment of an earlier service of the name is asked for, and refused there",
        ),
        pytest.param(
            s.seen(None, s.child(CORE_SERVICE, OTHER), s.deployment()),
            ["Create Service"],
            id="a Service of an earlier service of the name",
        ),
        pytest.param(
            s.seen(s.from_training(), s.FRONT, s.deployment(s.from_training())), [], id="its training is gone"
        ),
        pytest.param(s.seen(s.service({"spec.replicas": "many"})), [], id="a spec that cannot be read"),
    ],
)
def test_what_is_done(observed: ObservedService, wanted: list[str]) -> None:
    assert words(planned(observed)) == wanted


def test_a_newer_operator_restarts_nothing() -> None:
    old = s.seen(s.service({"status": {"image": b.IMAGE}}), s.FRONT, s.deployment())
    assert planned(old, b.NEWER) == ()


def applied(observed: ObservedService) -> dict[str, Any]:
    (action,) = [action for action in planned(observed) if isinstance(action, Apply)]
    return dict(action.body)


def test_what_is_served_is_the_voice_that_the_training_left() -> None:
    template = applied(s.seen(s.from_training(), s.trained()))["spec"]["template"]
    (volume,) = [v for v in template["spec"]["volumes"] if "persistentVolumeClaim" in v]
    assert volume["persistentVolumeClaim"]["claimName"] == "quick-train"
    (mount,) = [m for m in template["spec"]["containers"][0]["volumeMounts"] if m["name"] == volume["name"]]
    assert mount["readOnly"]
    assert b.SHA in str(template["metadata"]["annotations"])


def test_another_voice_rolls_out_and_the_same_does_not() -> None:
    def hashed(**artifact: Any) -> dict[str, str]:
        annotations: dict[str, str] = applied(s.seen(s.from_training(), s.trained(**artifact)))["metadata"][
            "annotations"
        ]
        return annotations

    assert hashed() == hashed()
    assert hashed(sha256="cd" * 32) != hashed()


def test_children_belong_to_the_service_and_select_its_pods() -> None:
    front, pods = planned(s.seen())
    assert isinstance(front, Create)
    assert isinstance(pods, Apply)
    for action in (front, pods):
        assert [o["uid"] for o in action.body["metadata"]["ownerReferences"]] == [s.UID]
    marks = pods.body["spec"]["template"]["metadata"]["labels"]
    assert front.body["spec"]["selector"].items() <= marks.items()
    assert pods.body["spec"]["selector"]["matchLabels"].items() <= marks.items()
