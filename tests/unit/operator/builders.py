"""A training and its children as the API server would show them, for tables: raw objects in a cache, seen through the
operator's own projections."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tts_api import API_VERSION
from tts_operator.conditions import Finding
from tts_operator.engine.actions import Outcome
from tts_operator.engine.cache import Cache
from tts_operator.engine.controller import Plan
from tts_operator.engine.objects import CLAIM, CORE_SERVICE, JOB, POD, ROLE_BINDING, SERVICE_ACCOUNT, Key, Kind
from tts_operator.pods import MANAGED_BY
from tts_operator.policy import Policy
from tts_operator.registry import KINDS
from tts_operator.settings import Settings
from tts_operator.training.conclude import conclude
from tts_operator.training.observe import ObservedTraining, observe
from tts_operator.training.plan import plan
from tts_operator.training.record import TRAINING_RECORD
from tts_operator.training.situation import TrainingSituation

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
UID = "0a1b2c3d-0000-4000-8000-000000000001"
FOLDER = "quick-0a1b2c3d"
SHA = "ab" * 32
IMAGE = "registry.example.com/tts-workload:1"
SETTINGS = Settings(namespace="tts-system", workload_image=IMAGE, workload_cluster_role="tts-workload")
NEWER = SETTINGS.model_copy(update={"workload_image": "registry.example.com/tts-workload:2"})
"""The settings of a newer operator, whose default image is another."""
KEY = Key("speech", "quick")

_PROJECT = {spec.kind: spec.project for spec in KINDS.informer_specs()}


def projected(kind: Kind, body: dict[str, Any]) -> Any:
    """The object as the cache holds it."""
    return _PROJECT[kind](body)


def at(seconds: float) -> str:
    """So many seconds after NOW, as Kubernetes writes it."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with members replaced; ``a.b`` reaches into members."""
    document = copy.deepcopy(dict(base))
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        node = document
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return document


def training(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A training as it is stored, defaults filled in by the API server left out."""
    base = {
        "apiVersion": API_VERSION,
        "kind": "TTSTraining",
        "metadata": {"name": KEY.name, "namespace": KEY.namespace, "uid": UID, "generation": 1, "resourceVersion": "1"},
        "spec": {
            "dataset": {"format": "ljspeech", "source": {"persistentVolumeClaim": {"claimName": "corpus"}}},
            "training": {"maxSteps": 100},
        },
    }
    return merged(base, changes or {})


def child(kind: Kind, name: str = "quick-train", owner: str | None = UID, **more: Any) -> tuple[Kind, dict[str, Any]]:
    """An object with the training's labels, controlled by ``owner``."""
    references = [{"kind": "TTSTraining", "name": KEY.name, "uid": owner, "controller": True}] if owner else []
    metadata = {
        "name": name,
        "namespace": KEY.namespace,
        "uid": f"uid-of-{name}",
        "resourceVersion": "1",
        "labels": {**MANAGED_BY, TRAINING_RECORD.label: KEY.name},
        "ownerReferences": references,
    }
    return kind, {"metadata": metadata} | more


def job(*, suspend: bool = False, condition: str = "", reason: str = "", message: str = "", ended: float = -1.0) -> Any:
    """The training's Job, ended by ``condition`` (Complete or Failed) where one is named."""
    conditions = [
        {
            "type": condition,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": at(ended),
        }
    ]
    return child(JOB, spec={"suspend": suspend}, status={"conditions": conditions if condition else []})


def pod(name: str = "quick-train-0-aaaaa", *, phase: str = "Running", ended: float = 0.0, **options: Any) -> Any:
    """A pod of rank ``index``. ``exit_code`` and ``says`` (a termination message) are how its container ended;
    ``waiting`` is (reason, message); ``unplaced`` the scheduler's words."""
    status: dict[str, Any] = {"phase": phase}
    unplaced = options.get("unplaced", "")
    placed = {"type": "PodScheduled", "status": "False" if unplaced else "True", "message": unplaced}
    status["conditions"] = [placed]
    if "disrupted" in options:
        status["conditions"].append({"type": "DisruptionTarget", "status": "True", "message": options["disrupted"]})
    state: dict[str, Any] = {}
    if "exit_code" in options:
        said = options.get("says", "")
        state["terminated"] = {
            "exitCode": options["exit_code"],
            "reason": options.get("reason", "Error"),
            "finishedAt": at(ended),
            "message": said if isinstance(said, str) else json.dumps(said),
        }
    elif "waiting" in options:
        state["waiting"] = dict(zip(("reason", "message"), options["waiting"], strict=True))
    elif phase == "Running":
        state["running"] = {"startedAt": at(options.get("since", -60))}
    status["containerStatuses"] = [{"image": IMAGE, "state": state}]
    kind, body = child(POD, name, status=status)
    body["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] = str(options.get("index", 0))
    return kind, body


def result(folder: str = FOLDER) -> dict[str, Any]:
    """What a finished pod says it left."""
    artifact = {
        "path": f"{folder}/voice-{SHA[:12]}.pt",
        "sha256": SHA,
        "sizeBytes": 5,
        "sampleRate": 22050,
        "languages": ["en-us"],
        "speakers": ["default"],
    }
    return {"artifact": artifact, "evaluation": {"clips": 4, "melLoss": 0.5}}


def checkpoint(step: int) -> dict[str, Any]:
    """A checkpoint as a pod reports it."""
    return {"step": step, "path": f"{FOLDER}/checkpoint-{step}.pt", "sha256": SHA, "savedAt": at(-5)}


def true(condition: str) -> dict[str, Any]:
    """A condition as it is stored, which holds."""
    return {"type": condition, "status": "True", "reason": condition, "message": "", "lastTransitionTime": at(-9)}


def another(name: str, condition: str = "Complete", **artifact: Any) -> tuple[Kind, dict[str, Any]]:
    """Another training, ended by ``condition``, or going on where it is empty; its voice is on a claim of its own."""
    left = {**result(f"{name}-folder")["artifact"], "claimName": f"{name}-train", **artifact}
    status = {"artifact": left, "conditions": [true(condition)] if condition else []}
    return TRAINING_RECORD.kind, training({"metadata.name": name, "metadata.uid": f"uid-of-{name}", "status": status})


ACCOUNT: Any = (SERVICE_ACCOUNT, {"metadata": {"name": "tts-workload", "namespace": KEY.namespace}})
BINDING: Any = (ROLE_BINDING, {"metadata": {"name": "tts-workload", "namespace": KEY.namespace}})
CHILD_CLAIM: Any = child(CLAIM)
CHILD_SERVICE: Any = child(CORE_SERVICE)


def seen(
    body: dict[str, Any] | None = None, *children: tuple[Kind, dict[str, Any]], access: bool = True
) -> ObservedTraining:
    """The training and its children as the operator observes them."""
    cache = Cache(KINDS.owners)
    shared = (ACCOUNT, BINDING) if access else ()
    for kind, found in ((TRAINING_RECORD.kind, body or training()), *children, *shared):
        cache.put(kind, projected(kind, found))
    observed = observe(KEY, cache)
    assert observed is not None
    return observed


def conditions(
    observed: ObservedTraining, outcomes: tuple[Outcome, ...] = (), now: datetime = NOW
) -> dict[str, dict[str, Any]]:
    """What the operator would write of it, by type."""
    return {c["type"]: c for c in conclude(observed, outcomes, SETTINGS, now)["conditions"]}


def planned(observed: ObservedTraining, now: datetime = NOW) -> Plan:
    """What the operator would do about it."""
    return plan(observed, SETTINGS, now)


def concluded(observed: ObservedTraining, now: datetime = NOW) -> dict[str, Any]:
    """The status that the operator would write of it."""
    return conclude(observed, (), SETTINGS, now)


def situation(observed: ObservedTraining, now: datetime = NOW, outcomes: tuple[Outcome, ...] = ()) -> TrainingSituation:
    """What a policy decides on."""
    assert observed.training is not None
    return TrainingSituation.of(observed, observed.training, SETTINGS, now, outcomes)


def found(policy: Policy[TrainingSituation], observed: ObservedTraining, now: datetime = NOW) -> str:
    """What a policy alone finds, as words: ``Failed=NoProgress Progressing!Finished``."""
    return in_words(policy.findings(situation(observed, now)))


def in_words(findings: Iterable[Finding]) -> str:
    """Findings as words: ``=`` for True, ``!`` for False, ``?`` for Unknown."""
    signs = {"True": "=", "False": "!", "Unknown": "?"}
    return " ".join(f"{finding.type}{signs[finding.status]}{finding.reason}" for finding in findings)


def says(reason: str, **more: Any) -> tuple[Kind, dict[str, Any]]:
    """A pod that ended because of wrong input and says why."""
    words = {"reason": reason, "message": "metadata.csv line 3: no text"}
    return pod(phase="Failed", exit_code=64, says=words, **more)  # type: ignore[no-any-return]


def interrupted(number: int, saved: int) -> tuple[Kind, dict[str, Any]]:
    """A pod that was interrupted and had saved a checkpoint of a step."""
    words = {"reason": "Interrupted", "step": saved, "checkpoint": checkpoint(saved)}
    name = f"quick-train-0-{number}"
    return pod(name, phase="Failed", exit_code=75, ended=number, says=words)  # type: ignore[no-any-return]


FINISHED: Any = pod(phase="Succeeded", exit_code=0, says={"reason": "Finished", "step": 100, "result": result()})
"""A pod that says what voice it left."""
STOLEN: Any = pod(phase="Succeeded", exit_code=0, says={"reason": "Finished", "result": result("other-0a1b2c3d")})
"""A pod that says of another training's voice that it left it."""
COMPLETE: Any = job(condition="Complete", ended=-5)
LONG_COMPLETE: Any = job(condition="Complete", ended=-100)
FAILED: Any = job(condition="Failed", reason="PodFailurePolicy", message="exit code 64")
TRIED: Any = job(
    condition="Failed", reason="BackoffLimitExceeded", message="Job has reached the specified backoff limit"
)
LATE: Any = job(condition="Failed", reason="DeadlineExceeded", message="Job was active longer than specified deadline")
