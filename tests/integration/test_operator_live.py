"""The operator against a real API server: it makes what is missing, writes nothing twice, and survives any kill."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from devcluster.processes import ClusterError
from tests.integration.operator_process import ROOT, SERVICE, TRAINING, apply, get, operating, reason, until, versions

pytestmark = [pytest.mark.control_plane, pytest.mark.xdist_group("control-plane")]

FOREIGN = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "voice-train"},
    "spec": {
        "suspend": True,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b:1"}]}},
    },
}


def settled(api: Cluster, namespace: str, seconds: float = 3) -> dict[str, str]:
    """Return the resource versions, once they have not changed for some seconds."""
    since, known = time.monotonic(), versions(api, namespace)

    def quiet() -> bool:
        nonlocal since, known
        if (now := versions(api, namespace)) != known:
            since, known = time.monotonic(), now
        return time.monotonic() - since > seconds

    until("quiet", quiet)
    return known


def accepted(api: Cluster, namespace: str, what: str, log: Path) -> None:
    until(f"{what} accepted", lambda: reason(api, namespace, what, "Accepted") == ("True", "Accepted"), log)


def at_rest(api: Cluster, namespace: str, log: Path) -> None:
    """Waits until Kubernetes' own controllers are done with what was made, however late they look at it: the claim is
    bound, and of pods that find no node it is said so."""

    def told() -> bool:
        expected = {"pvc/voice-train": "Bound", "ttst/voice": "Unschedulable", "ttss/voice": "Unschedulable"}
        status = {what: json.dumps((get(api, namespace, what) or {}).get("status")) for what in expected}
        return all(words in status[what] for what, words in expected.items())

    until("everything at rest", told, log)


def led(log: Path, times: int) -> None:
    until("the lead", lambda: log.read_text().count("this replica leads") == times, log)


def all_accepted(api: Cluster, namespace: str) -> set[str]:
    """Return the trainings whose status says that they are accepted."""
    items = json.loads(api.kubectl("get", "-n", namespace, "ttst", "-o", "json"))["items"]
    conditions = {i["metadata"]["name"]: i.get("status", {}).get("conditions", ()) for i in items}
    return {name for name, all_ in conditions.items() if any(c["reason"] == "Accepted" for c in all_)}


def test_what_a_training_and_a_service_get(api: Cluster, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with operating(api, namespace, log):
        apply(api, namespace, TRAINING, SERVICE)
        accepted(api, namespace, "ttst/voice", log)
        accepted(api, namespace, "ttss/voice", log)
        until("status of a pod that finds no node", lambda: reason(api, namespace, "ttst/voice", "Scheduled")[1], log)
    owner = get(api, namespace, "ttst/voice")
    assert owner is not None
    assert owner["status"]["observedGeneration"] == 1
    assert owner["status"]["image"] == "localhost/nothing:1"
    for child in ("job/voice-train", "pvc/voice-train"):
        made = get(api, namespace, child)
        assert made is not None, child
        assert [o["uid"] for o in made["metadata"]["ownerReferences"]] == [owner["metadata"]["uid"]]
    for child in ("deployment/voice-serve", "service/voice-serve", "serviceaccount/tts-workload"):
        assert get(api, namespace, child) is not None, child
    binding = get(api, namespace, "rolebinding/tts-workload")
    assert binding is not None
    assert binding["roleRef"]["name"] == "tts-workload"
    assert "Traceback" not in log.read_text()


def test_nothing_is_written_twice(api: Cluster, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with operating(api, namespace, log):
        apply(api, namespace, TRAINING, SERVICE)
        at_rest(api, namespace, log)
        before = settled(api, namespace)
        assert {"TTSTraining/voice", "TTSService/voice", "Job/voice-train", "Deployment/voice-serve"} <= set(before)
        apply(api, namespace, TRAINING, SERVICE)
        assert settled(api, namespace) == before
    with operating(api, namespace, log, "two"):
        led(log, times=2)
        assert settled(api, namespace) == before


def test_killed_at_any_moment_it_comes_to_the_same_end(api: Cluster, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    names = [f"voice-{index}" for index in range(30)]
    moments = random.Random(7)
    made = []
    for start in range(3):
        with operating(api, namespace, log):
            # Counted from the lead, for before it nothing is written: a kill during the start proves nothing.
            led(log, times=start + 1)
            apply(api, namespace, *({**TRAINING, "metadata": {"name": name}} for name in names[start::3]))
            time.sleep(moments.uniform(0, 0.15))
        made.append(len(versions(api, namespace, "jobs")))
    assert any(made), "no kill came after a first write"
    with operating(api, namespace, log):
        until("a status of each", lambda: all_accepted(api, namespace) == set(names), log)
    jobs = versions(api, namespace, "jobs,persistentvolumeclaims")
    wanted = {f"{kind}/{name}-train" for kind in ("Job", "PersistentVolumeClaim") for name in names}
    assert set(jobs) == wanted
    assert "Traceback" not in log.read_text()


def test_a_standby_takes_over(api: Cluster, namespace: str, tmp_path: Path) -> None:
    logs = tmp_path / "one", tmp_path / "two"
    with operating(api, namespace, logs[0], "one") as leader:
        until("the first leads", lambda: "this replica leads" in logs[0].read_text(), logs[0])
        with operating(api, namespace, logs[1], "two"):
            until("the second is ready", lambda: "the caches are filled" in logs[1].read_text(), logs[1])
            assert "this replica leads" not in logs[1].read_text()
            leader.kill()
            leader.wait()
            apply(api, namespace, TRAINING)
            accepted(api, namespace, "ttst/voice", logs[1])
    lease = get(api, namespace, "lease/tts-operator")
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == "two"


def test_what_belongs_to_somebody_else_is_not_touched(api: Cluster, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    apply(api, namespace, FOREIGN)
    before = settled(api, namespace)["Job/voice-train"]
    with operating(api, namespace, log):
        apply(api, namespace, TRAINING)
        refused = ("False", "NameConflict")
        until("the refusal", lambda: reason(api, namespace, "ttst/voice", "Accepted") == refused, log)
    assert versions(api, namespace, "jobs") == {"Job/voice-train": before}


def test_a_deleted_resource_leaves_nothing(api: Cluster, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with operating(api, namespace, log):
        apply(api, namespace, TRAINING, SERVICE)
        accepted(api, namespace, "ttst/voice", log)
        accepted(api, namespace, "ttss/voice", log)
        api.kubectl("delete", "-n", namespace, "ttst/voice", "ttss/voice", "--wait=false")
        # A claim goes when no pod uses it any more: the pod of the Job first, and then it.
        until("an empty namespace", lambda: not versions(api, namespace), log)


def complete(api: Cluster, namespace: str) -> None:
    """Write the status of a training that is complete, since no pod runs here."""
    settled(api, namespace, 1)  # the training's own passes are over: what is written now is not written over
    condition = {
        "type": "Complete",
        "status": "True",
        "reason": "Completed",
        "message": "",
        "lastTransitionTime": "2025-01-01T00:00:00Z",
    }
    artifact = {
        "claimName": "voices",
        "path": "voice/voice.pt",
        "sha256": "0" * 64,
        "sizeBytes": 1,
        "sampleRate": 22050,
        "languages": ["en"],
        "speakers": ["one"],
    }
    status = json.dumps({"status": {"phase": "Complete", "conditions": [condition], "artifact": artifact}})
    api.kubectl("patch", "-n", namespace, "ttst/voice", "--subresource=status", "--type=merge", "-p", status)


def test_a_training_wakes_when_the_one_it_starts_from_is_there_and_complete(
    api: Cluster, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    model = {"acoustic": {"fromTraining": {"name": "voice"}}, "vocoder": {"fromTraining": {"name": "voice"}}}
    tuned = {**TRAINING, "metadata": {"name": "tuned"}, "spec": {**TRAINING["spec"], "model": model}}

    def waits(word: str) -> None:
        until(word, lambda: reason(api, namespace, "ttst/tuned", "Scheduled") == ("False", word), log)

    with operating(api, namespace, log):
        apply(api, namespace, tuned)
        waits("ModelMissing")
        apply(api, namespace, TRAINING)
        accepted(api, namespace, "ttst/voice", log)
        waits("TrainingNotComplete")
        assert get(api, namespace, "job/tuned-train") is None
        api.kubectl("delete", "-n", namespace, "ttst/voice", "--wait")
        waits("ModelMissing")
        apply(api, namespace, TRAINING)
        accepted(api, namespace, "ttst/voice", log)
        complete(api, namespace)
        until("a Job", lambda: get(api, namespace, "job/tuned-train"), log)
        api.kubectl("delete", "-n", namespace, "ttst/voice", "--wait")
        settled(api, namespace, 1)
    made = get(api, namespace, "job/tuned-train")
    assert made is not None
    template = made["spec"]["template"]
    claims = [
        v["persistentVolumeClaim"]["claimName"] for v in template["spec"]["volumes"] if "persistentVolumeClaim" in v
    ]
    assert claims == ["corpus", "tuned-train", "voices"]
    run = json.loads(template["metadata"]["annotations"]["ttsoperator.dev/run"])
    assert run["sources"]["vocoder"] == {"path": "voice/voice.pt", "sha256": "0" * 64} == run["sources"]["acoustic"]
    assert "Traceback" not in log.read_text()


def test_a_service_wakes_when_its_training_is_complete(api: Cluster, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with operating(api, namespace, log):
        apply(api, namespace, TRAINING, {**SERVICE, "spec": {"model": {"fromTraining": {"name": "voice"}}}})
        accepted(api, namespace, "ttst/voice", log)
        waits = ("False", "TrainingNotComplete")
        until("waiting", lambda: reason(api, namespace, "ttss/voice", "ModelReady") == waits, log)
        complete(api, namespace)
        found = ("True", "ModelFound")
        until("the voice", lambda: reason(api, namespace, "ttss/voice", "ModelReady") == found, log)
        until("a Deployment", lambda: get(api, namespace, "deployment/voice-serve"), log)
    made = json.dumps(get(api, namespace, "deployment/voice-serve"))
    assert '"claimName": "voices"' in made
    assert "Traceback" not in log.read_text()


def test_a_stored_object_that_cannot_be_read_becomes_a_condition(api: Cluster, namespace: str, tmp_path: Path) -> None:
    """As after an upgrade that reads what an older version let in."""
    log = tmp_path / "log"
    definition = yaml.safe_load((ROOT / "crds/ttstrainings.yaml").read_text())
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del spec["training"]["properties"]["seed"]["minimum"]
    try:
        api.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(definition))
        body = {**TRAINING, "spec": {**TRAINING["spec"], "training": {"maxSteps": 1, "seed": -1}}}
        until("the looser schema", lambda: _let_in(api, namespace, body))
    finally:
        api.kubectl("apply", "--server-side", "--force-conflicts", "-f", ROOT / "crds/ttstrainings.yaml")
    with operating(api, namespace, log):
        wrong = ("False", "InvalidSpec")
        until("the refusal", lambda: reason(api, namespace, "ttst/voice", "Accepted") == wrong, log)
    stored = get(api, namespace, "ttst/voice")
    assert stored is not None
    words = {c["type"]: c["message"] for c in stored["status"]["conditions"]}["Accepted"]
    assert "spec.training.seed is -1" in words
    assert "Traceback" not in log.read_text()


def _let_in(api: Cluster, namespace: str, body: dict[str, Any]) -> bool:
    try:
        apply(api, namespace, body)
    except ClusterError:
        return False
    return True
