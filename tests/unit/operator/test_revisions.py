"""Revisions of a service: a Deployment of another revision is observed and told apart from the current one."""

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


def test_the_current_deployment_keeps_its_name_and_its_selector() -> None:
    service = s.seen().service
    assert service is not None
    made = manifests.deployment(service, b.IMAGE, VOICE)
    selector = {"ttsoperator.dev/service": "speak"}
    assert made["metadata"]["name"] == "speak-serve"
    assert made["spec"]["selector"] == {"matchLabels": selector}
    assert manifests.service_object(service)["spec"]["selector"] == selector
    assert REVISION_LABEL not in str(made)


def test_another_revision_is_observed_and_takes_nothing_from_the_current_one() -> None:
    failing = canary(s.deployment(readyReplicas=0))
    alone, both = s.seen(None, s.FRONT, s.deployment()), s.seen(None, s.FRONT, failing, s.deployment())
    assert {found.revision: found.ready for found in both.deployments} == {"canary": 0, "current": 1}
    assert conclude(both, (), b.SETTINGS, b.NOW) == conclude(alone, (), b.SETTINGS, b.NOW)
