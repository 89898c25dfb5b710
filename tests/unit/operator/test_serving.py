"""What a service needs done and what its status says, as tables: no cluster, no clock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_api import API_VERSION
from tts_operator.conditions import tell
from tts_operator.engine.actions import Apply, Create, Outcome, Verdict
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import DEPLOYMENT, POD, SERVICE, Key, Kind
from tts_operator.pods import MANAGED_BY, SERVICE_LABEL
from tts_operator.serving.conclude import conclude, current
from tts_operator.serving.observe import TTS_SERVICE, Observed, observe
from tts_operator.serving.plan import plan
from tts_operator.training.observe import TRAINING
from tts_operator.watched import WATCHED, owners

KEY = Key("speech", "voice")
PROJECT = {watched.kind: watched.project for watched in WATCHED}


def service(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata = {"name": "voice", "namespace": "speech", "uid": b.UID, "generation": 1, "resourceVersion": "1"}
    spec = {"model": {"fromTraining": {"name": "quick"}}}
    return b.merged({"apiVersion": API_VERSION, "metadata": metadata, "spec": spec}, changes or {})


def claimed() -> dict[str, Any]:
    claim = {"claimName": "voices", "path": "voice.pt", "sha256": b.SHA}
    return {"spec": {"model": {"persistentVolumeClaim": claim}}}


def trained(condition: str = "Complete", **status: Any) -> tuple[Kind, dict[str, Any]]:
    artifact = b.result()["artifact"] | {"claimName": "quick-train"}
    told = {"artifact": artifact, "conditions": [{"type": condition, "status": "True"}]} | status
    return TRAINING, b.training({"status": told, "metadata.uid": "of-the-training"})


def child(kind: Kind, **more: Any) -> tuple[Kind, dict[str, Any]]:
    _, body = b.child(kind, "voice-serve", **more)
    body["metadata"]["labels"] = {**MANAGED_BY, SERVICE_LABEL: "voice"}
    return kind, body


def pod(name: str = "a", *, ready: bool = False, **options: Any) -> tuple[Kind, dict[str, Any]]:
    _, body = b.pod(f"voice-serve-{name}", **options)
    body["metadata"]["labels"] = {**MANAGED_BY, SERVICE_LABEL: "voice"}
    body["status"]["conditions"].append({"type": "Ready", "status": str(ready)})
    return POD, body


def seen(body: dict[str, Any], *others: tuple[Kind, dict[str, Any]]) -> Observed:
    cache = Cache(owners)
    for kind, found in ((TTS_SERVICE, body), *others, b.ACCOUNT, b.BINDING):
        cache.put(kind, PROJECT[kind](found))
    observed = observe(KEY, cache)
    assert observed is not None
    return observed


def planned(observed: Observed) -> list[Any]:
    return list(plan(observed, "tts-workload", b.IMAGE).actions)


def deployed(body: dict[str, Any], *, ready: int = 1, conditions: Any = ()) -> tuple[Kind, dict[str, Any]]:
    """The Deployment that the plan would make of it, as it looks once it runs."""
    made = next(action.body for action in planned(seen(body, trained())) if isinstance(action, Apply))
    wanted = made["spec"]["replicas"]
    status = {
        "replicas": wanted, "updatedReplicas": wanted, "readyReplicas": ready, "unavailableReplicas": wanted - ready,
        "observedGeneration": 1, "conditions": list(conditions),
    }  # fmt: skip
    _, there = child(DEPLOYMENT, spec=made["spec"], status=status)
    there["metadata"] |= {"annotations": made["metadata"]["annotations"], "generation": 1}
    return DEPLOYMENT, there


NOTHING: list[Kind] = []


@pytest.mark.parametrize(
    ("changes", "others", "made"),
    [
        ({}, [], NOTHING),
        ({}, [trained("Progressing")], NOTHING),
        ({}, [trained("Failed")], NOTHING),
        ({}, [trained(artifact={"path": "nowhere"})], NOTHING),
        ({}, [trained()], [SERVICE, DEPLOYMENT]),
        (claimed(), [], [SERVICE, DEPLOYMENT]),
        ({}, [trained(), child(SERVICE)], [DEPLOYMENT]),
        ({}, [trained(), child(SERVICE), deployed(service())], NOTHING),
        ({"spec.replicas": 3}, [trained(), child(SERVICE), deployed(service())], [DEPLOYMENT]),
        ({"spec.limits": {"maxInputCharacters": 9}}, [trained(), child(SERVICE), deployed(service())], [DEPLOYMENT]),
        # What speaks goes on speaking when its training is deleted.
        ({}, [child(SERVICE), deployed(service())], NOTHING),
        ({}, [trained(), child(SERVICE, owner="another"), deployed(service())], [SERVICE]),
        ({"spec": {"model": 5}}, [], NOTHING),
    ],
    ids=[
        "no-training", "training", "failed", "torn-status", "complete", "claim", "service-there", "all-there", "scaled",
        "changed", "training-deleted", "foreign-service", "unreadable",
    ],
)  # fmt: skip
def test_what_is_made(changes: dict[str, Any], others: Any, made: list[Kind]) -> None:
    actions = planned(seen(service(changes), *others))
    assert [action.kind for action in actions] == made
    assert all(isinstance(action, Apply if action.kind is DEPLOYMENT else Create) for action in actions)


def test_the_pod_gets_the_voice_its_training_left() -> None:
    apply = planned(seen(service(), trained()))[-1]
    template = apply.body["spec"]["template"]
    assert b.SHA in str(template["metadata"]["annotations"])
    assert "quick-train" in str(template["spec"]["volumes"])
    assert template["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_a_newer_operator_restarts_nothing() -> None:
    body = service({"status": {"image": b.IMAGE}})
    observed = seen(body, trained(), child(SERVICE), deployed(service()))
    assert plan(observed, "tts-workload", "registry.example.com/newer:2").actions == ()


BAD_VOICE = {"reason": "DigestMismatch", "message": "the voice has another digest"}
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out."}
QUOTA = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}


@pytest.mark.parametrize(
    ("changes", "others", "expected"),
    [
        ({}, [], "Accepted=Accepted ModelReady!ModelMissing Available!ModelMissing"),
        ({}, [trained("Progressing")], "ModelReady!TrainingNotComplete Progressing!TrainingNotComplete"),
        ({}, [trained("Failed")], "ModelReady!TrainingFailed"),
        ({}, [trained()], "ModelReady=ModelFound Available!Pending"),
        ({}, [trained(), deployed(service()), pod(ready=True)], "Available=Available Progressing!RolledOut"),
        ({}, [trained(), deployed(service(), ready=0), pod()], "Available!Unavailable Progressing=RollingOut"),
        ({"spec.replicas": 0}, [trained(), deployed(service({"spec.replicas": 0}), ready=0)], "Available!ScaledToZero"),
        (
            {}, [trained(), deployed(service(), ready=0), pod(exit_code=64, says=BAD_VOICE)],
            "ModelReady!DigestMismatch Available!DigestMismatch",
        ),
        (
            {}, [trained(), deployed(service(), ready=0), pod(phase="Pending", waiting=("ErrImagePull", "no host"))],
            "ModelReady=ModelFound Available!ImagePullFailed",
        ),
        (
            {}, [trained(), deployed(service(), ready=0), pod(phase="Pending", unplaced="0/3 nodes are available")],
            "Available!Unschedulable",
        ),
        ({}, [trained(), deployed(service(), ready=0), pod(exit_code=1, says="boom")], "Available!WorkloadFailed"),
        (
            {}, [trained(), deployed(service(), ready=0), pod(exit_code=137, reason="OOMKilled")],
            "Available!OutOfMemory",
        ),
        ({}, [trained(), deployed(service(), ready=0, conditions=[QUOTA])], "Available!Refused"),
        ({}, [trained(), deployed(service(), ready=0, conditions=[LATE])], "Progressing!DeadlineExceeded"),
        # A second pod that fails while one speaks: the service is there.
        (
            {}, [trained(), deployed(service()), pod(ready=True), pod("b", exit_code=64, says=BAD_VOICE)],
            "ModelReady=ModelFound Available=Available",
        ),
        ({"spec": {"model": 5}}, [], "Accepted!InvalidSpec"),
    ],
)  # fmt: skip
def test_conditions(changes: dict[str, Any], others: Any, expected: str) -> None:
    status = conclude(seen(service(changes), *others), (), b.IMAGE, b.NOW)
    found = {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
    for word in expected.split():
        kind, sign, reason = word.partition("=") if "=" in word else word.partition("!")
        assert found[kind] == ("True" if sign == "=" else "False", reason)


def test_a_crash_loop_is_told_with_the_last_words() -> None:
    _, body = pod(exit_code=1, says="boom")
    state = body["status"]["containerStatuses"][0]
    state["lastState"], state["state"] = state["state"], {"waiting": {"reason": "CrashLoopBackOff", "message": "x"}}
    status = conclude(seen(service(), trained(), deployed(service(), ready=0), (POD, body)), (), b.IMAGE, b.NOW)
    available = next(c for c in status["conditions"] if c["type"] == "Available")
    assert available["reason"] == "CrashLoop"
    assert "exit code 1: boom" in available["message"]


@pytest.mark.parametrize(("verdict", "reason"), [(Verdict.CONFLICT, "NameConflict"), (Verdict.REFUSED, "Refused")])
def test_what_the_api_server_refused_is_told(verdict: Verdict, reason: str) -> None:
    outcome = Outcome(Create(SERVICE, {}, b.UID), verdict, "Service voice-serve exists and is not ours")
    status = conclude(seen(service(), trained()), (outcome,), b.IMAGE, b.NOW)
    assert (status["conditions"][0]["reason"], "is not ours" in status["conditions"][0]["message"]) == (reason, True)


def test_what_the_columns_and_scalers_read() -> None:
    status = conclude(seen(service(), trained(), deployed(service()), pod(ready=True)), (), b.IMAGE, b.NOW)
    assert status["url"] == "http://voice-serve.speech.svc"
    assert (status["replicas"], status["readyReplicas"]) == (1, 1)
    assert f"{SERVICE_LABEL}=voice" in status["selector"]
    assert status["model"] == {"name": "voice", "sha256": b.SHA, "ready": True}


def test_looking_again_changes_nothing_and_tells_nothing() -> None:
    others = (trained(), child(SERVICE), deployed(service()), pod(ready=True))
    first = conclude(seen(service(), *others), (), b.IMAGE, b.NOW)
    again = seen(service({"status": first | {"performance": {"x": 1}}}), *others)
    assert conclude(again, (), b.IMAGE, b.NOW) == current(again) == first
    assert list(tell(first["conditions"], first["conditions"])) == []
    assert [event.reason for event in tell((), first["conditions"])] == ["RolledOut", "Available"]
