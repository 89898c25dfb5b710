"""Revisions of a service: a second Deployment beside the current one is told apart from it."""

from __future__ import annotations

from typing import Any

from tests.unit.operator import builders as b
from tests.unit.operator import service_builders as s
from tts_operator.engine.objects import Kind
from tts_operator.pods import REVISION_LABEL
from tts_operator.serving import manifests
from tts_operator.serving.conclude import conclude
from tts_operator.sources import VoiceReference

VOICE = VoiceReference("voices", "voice.pt", b.SHA)


def canary(made: tuple[Kind, dict[str, Any]]) -> tuple[Kind, dict[str, Any]]:
    kind, body = made
    metadata = body["metadata"]
    labels = {**metadata["labels"], REVISION_LABEL: "canary"}
    return kind, body | {"metadata": {**metadata, "name": f"{metadata['name']}-canary", "labels": labels}}


def test_another_revision_has_a_name_and_a_selector_of_its_own() -> None:
    service = s.seen().service
    assert service is not None
    current = manifests.deployment(service, b.IMAGE, VOICE)
    other = manifests.deployment(service, b.IMAGE, VOICE, "canary")
    assert current["metadata"]["name"] == "speak-serve"
    assert REVISION_LABEL not in str(current)
    assert other["metadata"]["name"] == "speak-serve-canary"
    assert other["spec"]["selector"]["matchLabels"] == {"ttsoperator.dev/service": "speak", REVISION_LABEL: "canary"}
    for made in (current, other):
        labels = made["spec"]["template"]["metadata"]["labels"]
        assert made["spec"]["selector"]["matchLabels"].items() <= labels.items()
        # One Service is in front of both.
        assert manifests.service_object(service)["spec"]["selector"].items() <= labels.items()


def test_another_revision_is_observed_and_takes_nothing_from_the_current_one() -> None:
    failing = canary(s.deployment(readyReplicas=0)), canary(s.pod(exit_code=1, restarting=True))
    alone, both = s.seen(None, s.FRONT, s.deployment()), s.seen(None, s.FRONT, *failing, s.deployment())
    assert {found.revision: found.ready for found in both.deployments} == {"canary": 0, "current": 1}
    assert [pod.name for pod in both.pods_of("canary")] == ["speak-serve-1-canary"]
    assert both.pods_of() == ()
    assert conclude(both, (), b.SETTINGS, b.NOW) == conclude(alone, (), b.SETTINGS, b.NOW)
