"""What users get wrong and what dies: each gives its reason in a condition, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devcluster import platform
from devcluster.processes import ClusterError
from tests.e2e.conftest import Platform, eventually, manifest, service

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(900)]


def reason(speech: Platform, resource: str, condition: str, expected: str, seconds: float = 180) -> dict[str, Any]:
    """The condition, once it has the reason."""
    return eventually(
        lambda: c if (c := speech.conditions(resource).get(condition, {})).get("reason") == expected else None,
        seconds,
        lambda: speech.conditions(resource),
    )


CORPUS = "dataset__source"


def claim(name: str, path: str = "") -> dict[str, Any]:
    return {"persistentVolumeClaim": {"claimName": name, "path": path}}


BAD_CORPORA = {
    "empty": "metadata.csv",
    "malformed": "line 1",
    "unreadable": "noise.wav",
    "not-there": "not-there",
}
"""What the message names, by the corpus's folder."""


@pytest.fixture(scope="module")
def bad_trainings(speech: Platform) -> None:
    """A training for each corpus that cannot be read; their pods start side by side."""
    speech.apply(*(manifest(f"bad-{folder}", **{CORPUS: claim("asterisk-en", folder)}) for folder in BAD_CORPORA))


@pytest.mark.usefixtures("bad_trainings")
@pytest.mark.parametrize(("folder", "words"), BAD_CORPORA.items(), ids=BAD_CORPORA)
def test_a_corpus_that_cannot_be_read_fails_with_its_lines(speech: Platform, folder: str, words: str) -> None:
    name = f"bad-{folder}"
    condition = reason(speech, f"ttst/{name}", "Failed", "InvalidDataset")
    assert words in condition["message"]
    assert speech.get("jobs", "-l", f"ttsoperator.dev/training={name}")["items"][0]["status"].get("failed") == 1
    speech.forget(f"ttst/{name}", f"pvc/{name}-train")


def test_a_missing_claim_is_named_and_waited_for(speech: Platform) -> None:
    speech.apply(manifest("no-claim", **{CORPUS: claim("nowhere")}))
    assert "nowhere" in reason(speech, "ttst/no-claim", "Scheduled", "ClaimMissing")["message"]
    speech.forget("ttst/no-claim", "pvc/no-claim-train")


def test_a_claim_that_gets_no_volume_is_said_so(speech: Platform) -> None:
    speech.apply(manifest("no-volume", storage__persistentVolumeClaim__storageClassName="no-such-class"))
    assert "describe pvc" in reason(speech, "ttst/no-volume", "Scheduled", "ClaimUnbound")["message"]
    speech.forget("ttst/no-volume", "pvc/no-volume-train")


def test_an_image_that_cannot_be_pulled_is_named(speech: Platform) -> None:
    speech.apply(manifest("no-image", image="localhost/nothing-here:1"))
    assert "localhost/nothing-here:1" in reason(speech, "ttst/no-image", "Progressing", "ImagePullFailed")["message"]
    speech.forget("ttst/no-image", "pvc/no-image-train")


def test_more_gpus_than_there_are_is_unschedulable(speech: Platform) -> None:
    speech.apply(manifest("greedy", resources__gpusPerNode=64))
    assert "nvidia.com/gpu" in reason(speech, "ttst/greedy", "Scheduled", "Unschedulable")["message"]
    speech.forget("ttst/greedy", "pvc/greedy-train")


def test_an_object_of_the_same_name_is_not_touched(speech: Platform) -> None:
    speech.kubectl("create", "cronjob", "mine", "--image=localhost/nothing-here:1", "--schedule=@yearly")
    speech.kubectl("create", "job", "mine-train", "--from=cronjob/mine")
    speech.kubectl("patch", "job/mine-train", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    before = eventually(lambda: j if "conditions" in (j := speech.get("job/mine-train"))["status"] else None, 60)
    speech.apply(manifest("mine"))
    assert "mine-train" in reason(speech, "ttst/mine", "Accepted", "NameConflict")["message"]
    assert speech.get("job/mine-train") == before
    speech.delete("ttst/mine", "cronjob/mine", "job/mine-train", "pvc/mine-train")


def test_a_missing_training_is_named(speech: Platform) -> None:
    speech.apply(service("orphan", fromTraining={"name": "never-was"}))
    assert "never-was" in reason(speech, "ttss/orphan", "ModelReady", "ModelMissing")["message"]
    speech.delete("ttss/orphan")


def slow(name: str) -> dict[str, Any]:
    """A training that takes long enough to be disturbed."""
    return manifest(name, training__maxSteps=400, training__vocoderMaxSteps=20)


def step(speech: Platform, name: str) -> int:
    found: int = speech.get(f"ttst/{name}").get("status", {}).get("progress", {}).get("step", 0)
    return found


def pod(speech: Platform, name: str) -> dict[str, Any] | None:
    """The running pod of a training."""
    pods = speech.get("pods", "-l", f"ttsoperator.dev/training={name}")["items"]
    return next(
        (p for p in pods if p["status"]["phase"] == "Running" and "deletionTimestamp" not in p["metadata"]), None
    )


def test_a_killed_pod_resumes_and_loses_at_most_an_interval(speech: Platform) -> None:
    speech.apply(slow("killed"))
    eventually(lambda: step(speech, "killed") > 20, 180)
    victim = eventually(lambda: pod(speech, "killed"), 60)
    speech.kubectl("delete", "pod", victim["metadata"]["name"], "--grace-period=0", "--force")
    successor = eventually(
        lambda: p if (p := pod(speech, "killed")) and p["metadata"]["uid"] != victim["metadata"]["uid"] else None, 120
    )
    log = eventually(lambda: resumed(speech, successor["metadata"]["name"]), 120)
    assert log["step"] >= 20
    assert speech.conditions("ttst/killed")["Failed"]["status"] == "False"
    speech.forget("ttst/killed", "pvc/killed-train")


def resumed(speech: Platform, name: str) -> dict[str, Any] | None:
    """The log record in which a pod says from which step it resumes."""
    try:
        lines = speech.kubectl("logs", name).splitlines()
    except ClusterError:
        return None
    records = (json.loads(line) for line in lines if line.startswith("{"))
    return next((record for record in records if record.get("event") == "resumed"), None)


def test_a_training_survives_the_death_of_the_operator(speech: Platform) -> None:
    speech.apply(slow("headless"))
    eventually(lambda: step(speech, "headless") > 0, 180)
    operator = ["-n", platform.OPERATOR_NAMESPACE]
    speech.cluster.kubectl(
        *operator, "delete", "pod", "-l", "app.kubernetes.io/name=tts-operator", "--grace-period=0", "--force"
    )
    at_death = step(speech, "headless")
    eventually(lambda: step(speech, "headless") > at_death, 120)
    speech.cluster.kubectl(*operator, "rollout", "status", "deployment/tts-operator", "--timeout=120s")
    assert len(speech.get("pods", "-l", "ttsoperator.dev/training=headless")["items"]) == 1
    # Deleted while it runs: the pod goes with it.
    speech.delete("ttst/headless")
    eventually(lambda: not speech.get("pods", "-l", "ttsoperator.dev/training=headless")["items"], 120)
    speech.forget("pvc/headless-train")


def test_suspension_saves_a_checkpoint_and_the_training_goes_on_from_there(speech: Platform) -> None:
    speech.apply(slow("paused"))
    eventually(lambda: step(speech, "paused") > 0, 180)
    speech.kubectl("patch", "ttst/paused", "--type=merge", "-p", '{"spec":{"runPolicy":{"suspend":true}}}')
    speech.wait("ttst/paused", "Suspended")
    eventually(lambda: not speech.get("pods", "-l", "ttsoperator.dev/training=paused")["items"], 120)
    speech.kubectl("patch", "ttst/paused", "--type=merge", "-p", '{"spec":{"runPolicy":{"suspend":false}}}')
    successor = eventually(lambda: pod(speech, "paused"), 120)
    assert eventually(lambda: resumed(speech, successor["metadata"]["name"]), 120)["step"] > 0
    assert speech.conditions("ttst/paused")["Suspended"]["status"] == "False"
    speech.forget("ttst/paused", "pvc/paused-train")
