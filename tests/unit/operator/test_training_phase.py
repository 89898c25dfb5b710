"""The phase of a training goes forward within one attempt, whatever reaches the operator's caches first, and when it
goes back, the reason says why."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.engine.objects import JOB, POD

RANK = {"Queued": 0, "Pending": 1, "Running": 2, "Complete": 3, "Failed": 3}
PODS = ("none", "unplaced", "placed", "runs", "container ended", "ended", "gone")
"""What one pod looks like in the course of an attempt that ends well."""
JOBS = ("none", "made", "counted", "complete")
"""What the Job looks like. Pods and Job reach the operator in any order, because each kind is watched by itself."""
SAID = {"reason": "Finished", "step": 100, "result": b.result()}
STATES: dict[str, dict[str, Any]] = {
    "unplaced": {"phase": "Pending", "unplaced": "0/1 nodes are available"},
    "placed": {"phase": "Pending", "waiting": ("ContainerCreating", "")},
    "runs": {},
    # The kubelet reports the end of a container before it changes the pod's phase.
    "container ended": {"exit_code": 0, "says": SAID},
    "ended": {"phase": "Succeeded", "exit_code": 0, "says": SAID},
}


def children(pods: tuple[str, ...], job: str) -> list[Any]:
    found = [
        b.pod(f"quick-train-{index}-aaaaa", index=index, **STATES[state])
        for index, state in enumerate(pods)
        if state in STATES
    ]
    if job == "complete":
        return [*found, b.COMPLETE]
    if job != "none":
        counted = [str(index) for index, state in enumerate(pods) if job == "counted" and state in ("ended", "gone")]
        found.append(b.child(JOB, spec={"suspend": False}, status={"completedIndexes": ",".join(counted)}))
    return found


def happens(pods: tuple[str, ...], job: str) -> bool:
    """Whether a cluster can show this: Kubernetes lets no pod go before its Job has counted it."""
    if "gone" in pods and job not in ("counted", "complete"):
        return False
    return job != "counted" or any(state in ("ended", "gone") for state in pods)


def shown(pods: tuple[str, ...], job: str) -> dict[str, Any]:
    body = b.training({"spec.resources": {"nodes": len(pods)}})
    return b.concluded(b.seen(body, *children(pods, job)))


def steps(nodes: int) -> list[tuple[tuple[tuple[str, ...], str], tuple[tuple[str, ...], str]]]:
    """Every pair of neighbouring states: one pod or the Job is seen one state later."""
    states = [state for state in product(product(PODS, repeat=nodes), JOBS) if happens(*state)]
    later = dict(pairwise(PODS)), dict(pairwise(JOBS))
    found = []
    for pods, job in states:
        after: list[tuple[tuple[str, ...], str]] = [
            ((*pods[:index], later[0][pods[index]], *pods[index + 1 :]), job)
            for index in range(nodes)
            if pods[index] in later[0]
        ]
        if job in later[1]:
            after.append((pods, later[1][job]))
        found += [((pods, job), state) for state in after if happens(*state)]
    return found


@pytest.mark.parametrize("nodes", [1, 2])
def test_no_step_of_an_attempt_brings_the_phase_back(nodes: int) -> None:
    pairs = steps(nodes)
    phases = {state: shown(*state)["phase"] for pair in pairs for state in pair}
    assert set(phases.values()) == {"Pending", "Running", "Complete"}
    back = [
        f"{before} {phases[before]} -> {after} {phases[after]}"
        for before, after in pairs
        # A complete training keeps its status, so nothing comes after it.
        if phases[before] != "Complete" and RANK[phases[after]] < RANK[phases[before]]
    ]
    assert back == []


@pytest.mark.parametrize("nodes", [1, 2])
def test_scheduled_stays_true_once_the_pods_run(nodes: int) -> None:
    pairs = [pair for pair in steps(nodes) if all(PODS.index(pod) >= PODS.index("runs") for pod in pair[0][0])]
    lost = [pair for pair in pairs if scheduled(*pair[0]) == "True" != scheduled(*pair[1])]
    assert pairs
    assert lost == []


def scheduled(pods: tuple[str, ...], job: str) -> str:
    return str({c["type"]: c for c in shown(pods, job)["conditions"]}["Scheduled"]["status"])


def stopping() -> Any:
    kind, body = b.pod()
    body["metadata"]["deletionTimestamp"] = b.at(-1)
    return kind, body


QUEUE = {"metadata.labels": {"kueue.x-k8s.io/queue-name": "gpu"}}
TRAINED = {"updatedAt": b.at(-5), "step": 50, "checkpoint": b.checkpoint(40)}
SUSPEND = {"spec.runPolicy": {"suspend": True}}
RESUMED = {"type": "Suspended", "status": "True", "reason": "Suspended", "lastTransitionTime": b.at(-9)}


@pytest.mark.parametrize(
    ("changes", "found", "phase", "reason", "words"),
    [
        pytest.param(QUEUE, [], "Queued", "Queued", "", id="queued from the start"),
        pytest.param(QUEUE, [b.job()], "Pending", "Pending", "", id="let in by the queue"),
        pytest.param({}, [b.job(), stopping()], "Running", "Interrupted", "saves a checkpoint", id="asked to stop"),
        pytest.param({}, [b.job(), b.interrupted(1, 40)], "Pending", "Interrupted", "", id="interrupted"),
        pytest.param(
            {},
            [b.job(), b.pod(exit_code=1, says="boom")],
            "Pending",
            "WorkloadFailed",
            "boom",
            id="failed, and the pod's phase is still Running",
        ),
        pytest.param(
            {},
            [b.job(), b.pod(phase="Failed", exit_code=137, reason="OOMKilled")],
            "Pending",
            "OutOfMemory",
            "",
            id="oom",
        ),
        pytest.param(
            {"status.progress": TRAINED}, [b.job()], "Pending", "Resumed", "checkpoint", id="the pod is gone altogether"
        ),
        pytest.param(
            {"status.progress": {"updatedAt": b.at(-5), "step": 3}},
            [b.job()],
            "Pending",
            "Pending",
            "An earlier pod is gone and saved no checkpoint",
            id="gone without a checkpoint",
        ),
        pytest.param(
            {"status.progress": TRAINED, "status.conditions": [RESUMED]},
            [b.job(), b.pod(phase="Pending", waiting=("ContainerCreating", ""))],
            "Pending",
            "Resumed",
            "",
            id="goes on after a suspension",
        ),
        pytest.param(SUSPEND, [b.job(suspend=True), stopping()], "Suspended", "Suspended", "runPolicy", id="suspended"),
        pytest.param(
            QUEUE | {"status.progress": TRAINED},
            [b.job(suspend=True)],
            "Queued",
            "Queued",
            "",
            id="put back by the queue",
        ),
    ],
)
def test_going_back_is_explained(changes: Any, found: Any, phase: str, reason: str, words: str) -> None:
    status = b.concluded(b.seen(b.training(changes), *found))
    assert (status["phase"], status["reason"]) == (phase, reason)
    assert (
        words
        in {c["type"]: c["message"] for c in status["conditions"]}[
            "Suspended" if phase in ("Suspended", "Queued") else "Progressing"
        ]
    )


@pytest.mark.parametrize(
    ("reported", "gpus"),
    [
        pytest.param(None, 8, id="nothing yet"),
        pytest.param({"device": "cpu"}, 0, id="pretended"),
        pytest.param({"device": "NVIDIA H200"}, 8, id="real"),
        pytest.param({}, 8, id="an older image"),
        pytest.param("cpu", 8, id="unreadable"),
    ],
)
def test_gpus_are_those_that_the_pods_use(reported: Any, gpus: int) -> None:
    progress = {"updatedAt": b.at(-5)} | ({} if reported is None else {"settings": reported})
    body = b.training({"spec.resources": {"nodes": 2, "gpusPerNode": 4}, "status.progress": progress})
    assert b.concluded(b.seen(body, b.job(), b.pod()))["gpus"] == gpus


def test_a_spec_that_cannot_be_read_keeps_the_phase_of_what_runs() -> None:
    changes = {"spec.training": {"maxSteps": "many"}}
    new = b.concluded(b.seen(b.training(changes)))
    running = b.concluded(b.seen(b.training(changes | {"status.phase": "Running"}), b.job(), b.pod()))
    assert [(status["phase"], status["reason"]) for status in (new, running)] == [
        ("Pending", "InvalidSpec"),
        ("Running", "InvalidSpec"),
    ]


def test_the_walk_has_what_was_seen_on_a_cluster() -> None:
    """The end of a container alone brought the phase back to Pending once."""
    kind, body = children(("container ended",), "made")[0]
    assert kind == POD
    assert body["status"]["phase"] == "Running"
    assert shown(("container ended",), "made")["phase"] == "Running"
