"""From `kubectl apply` to a WAV: real pods, real speech, the official client."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import openai
import pytest
import soundfile

from devcluster import platform
from tests.e2e.conftest import ROOT, Platform, eventually, manifest, service

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module", autouse=True)
def deleted(speech: Platform) -> None:
    """A training and its service, deleted as soon as the training has a pod.

    A pod that is stopped while it starts may take its whole grace period to end: other tests go on meanwhile.
    """
    speech.apply(manifest("gone"), service("gone", fromTraining={"name": "gone"}))
    eventually(lambda: speech.get("pods", "-l", "ttsoperator.dev/training=gone")["items"], 60)
    speech.delete("ttst/gone", "ttss/gone")


@pytest.fixture(scope="module")
def trained(speech: Platform) -> dict[str, Any]:
    """A training that ended well."""
    speech.kubectl("wait", "--for=condition=Complete", "--timeout=300s", "ttst/quick")
    return speech.get("ttst/quick")


@pytest.fixture(scope="module")
def speaking(speech: Platform, trained: dict[str, Any]) -> Iterator[str]:
    """The base URL of a service that speaks with the trained voice."""
    speech.apply(service("quick", fromTraining={"name": trained["metadata"]["name"]}))
    speech.wait("ttss/quick", "Available")
    with platform.port_forward(speech.cluster, speech.namespace, "service/quick-serve", 80) as url:
        yield url


def test_a_training_reports_what_it_did(speech: Platform, trained: dict[str, Any]) -> None:
    status = trained["status"]
    assert status["phase"] == "Complete"
    assert status["observedGeneration"] == trained["metadata"]["generation"]
    assert status["progress"]["display"]["step"] == "60/60"
    assert status["progress"]["display"]["percent"] == "100%"
    assert status["artifact"]["claimName"] == "quick-train"
    assert status["artifact"]["sha256"][:12] in status["artifact"]["path"]
    assert status["artifact"]["sampleRate"] == 16000
    assert status["evaluation"]["melCepstralDistortion"] > 0
    assert status["checkpoint"]["step"] == 60
    row = speech.kubectl("get", "ttst/quick").splitlines()[1].split()
    assert row[:5] == ["quick", "Complete", "Completed", "100%", "60/60"]


def test_the_openai_client_gets_the_wav(speaking: str, trained: dict[str, Any]) -> None:
    client = openai.OpenAI(base_url=f"{speaking}/v1", api_key="none", max_retries=0)
    answer = client.audio.speech.create(model="quick", voice="default", input="Good morning.", response_format="wav")
    samples, rate = soundfile.read(io.BytesIO(answer.content))
    assert rate == trained["status"]["artifact"]["sampleRate"]
    assert 0.2 < len(samples) / rate < 20
    assert abs(samples).max() > 0.001


def test_the_openai_client_streams_what_ffmpeg_decodes(speaking: str) -> None:
    client = openai.OpenAI(base_url=f"{speaking}/v1", api_key="none", max_retries=0)
    for name in ("mp3", "opus", "aac", "flac"):
        with client.audio.speech.with_streaming_response.create(
            model="quick", voice="default", input="Good morning. Good night.", response_format=name
        ) as answer:
            content = b"".join(answer.iter_bytes())
        with av.open(io.BytesIO(content)) as container:
            assert sum(frame.samples for frame in container.decode(audio=0)) > 0, name


def test_bad_requests_get_openais_errors(speaking: str) -> None:
    client = openai.OpenAI(base_url=f"{speaking}/v1", api_key="none", max_retries=0)
    for text in ("", "   ", "你好", "a" * 5000):
        with pytest.raises(openai.BadRequestError) as refusal:
            client.audio.speech.create(model="quick", voice="default", input=text, response_format="wav")
        assert refusal.value.param == "input"


def test_a_service_reports_what_it_measured(speech: Platform, speaking: str, trained: dict[str, Any]) -> None:
    status = eventually(
        lambda: s if (s := speech.get("ttss/quick")["status"]).get("performance") else None,
        30,
        lambda: speech.get("ttss/quick"),
    )
    assert status["performance"]["realTimeFactor"] > 0
    assert status["performance"]["sha256"] == status["model"]["sha256"] == trained["status"]["artifact"]["sha256"]
    assert status["url"] == "http://quick-serve.speech.svc"
    assert status["readyReplicas"] == 1


def versions(speech: Platform) -> dict[str, str]:
    """The resource version of everything that the operator wrote."""
    kinds = "ttst,ttss,jobs,deployments,services,persistentvolumeclaims,serviceaccounts,rolebindings"
    items = speech.get(kinds)["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in items}


def test_applying_again_and_restarting_the_operator_changes_nothing(speech: Platform, speaking: str) -> None:
    eventually(lambda: speech.get("ttss/quick")["status"].get("performance"), 30)
    before = eventually(lambda: settled(speech), 60)
    speech.apply(manifest("quick"), service("quick", fromTraining={"name": "quick"}))
    operator = ["-n", platform.OPERATOR_NAMESPACE]
    speech.cluster.kubectl(*operator, "rollout", "restart", "deployment/tts-operator")
    speech.cluster.kubectl(*operator, "rollout", "status", "deployment/tts-operator", "--timeout=120s")
    eventually(lambda: reconciled(speech), 60)
    assert versions(speech) == before


def settled(speech: Platform) -> dict[str, str] | None:
    """The versions, once two looks a few seconds apart are equal."""
    import time

    first = versions(speech)
    time.sleep(3)
    return first if versions(speech) == first else None


def reconciled(speech: Platform) -> bool:
    """Whether the operator that runs now has looked at objects of both kinds."""
    with platform.port_forward(speech.cluster, platform.OPERATOR_NAMESPACE, "deployment/tts-operator", 8080) as url:
        import httpx

        metrics = httpx.get(f"{url}/metrics").text
    lines = [line for line in metrics.splitlines() if line.startswith("tts_operator_reconcile_total")]
    return all(any(kind in line for line in lines) for kind in ("training", "service"))


def test_examples_are_applied_as_they_stand(speech: Platform) -> None:
    """The long training is seen to step, and the service to wait for it; the demo sees them to the end."""
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        speech.kubectl("apply", "-f", path)
    for resource, condition in (("ttss/allison", "ModelReady"), ("ttst/allison-tuned", "Scheduled")):
        assert speech.wait(resource, condition, "False")["reason"] == "TrainingNotComplete"
    eventually(lambda: speech.get("ttst/allison")["status"].get("progress", {}).get("step", 0) > 0, 180)
    assert speech.conditions("ttst/allison")["Progressing"]["reason"] in {"Running", "Preparing"}
    speech.delete("ttst/allison", "ttss/allison", "ttst/allison-tuned")


def test_a_voice_is_trained_further_as_the_example_says(speech: Platform) -> None:
    speech.kubectl("apply", "-f", ROOT / "examples/ttstraining-finetune.yaml")
    eventually(lambda: scheduled(speech)["reason"] == "ModelMissing", 30, lambda: scheduled(speech))
    assert "TTSTraining allison does not exist" in scheduled(speech)["message"]
    assert not speech.get("jobs", "-l", "ttsoperator.dev/training=allison-tuned")["items"]
    # A quick one stands for the long training of the examples, which has their vocoder.
    quick = manifest("allison", model__vocoder={"architecture": "world"})
    del quick["spec"]["training"]["vocoderMaxSteps"]
    speech.apply(quick)
    speech.wait("ttst/allison", "Complete", seconds=300)
    speech.wait("ttst/allison-tuned", "Complete", seconds=400)
    base, tuned = (speech.get(f"ttst/{name}")["status"] for name in ("allison", "allison-tuned"))
    assert tuned["progress"]["display"]["step"] == "200/200"
    assert tuned["artifact"]["speakers"] == base["artifact"]["speakers"]
    assert tuned["artifact"]["sha256"] != base["artifact"]["sha256"]
    # Of the same sizes as what it started from, which the example does not say.
    assert tuned["artifact"]["sizeBytes"] == pytest.approx(base["artifact"]["sizeBytes"], rel=0.01)
    assert tuned["evaluation"]["melLoss"] < base["evaluation"]["melLoss"]
    speech.forget("ttst/allison", "ttst/allison-tuned", "pvc/allison-train", "pvc/allison-tuned-train")


def scheduled(speech: Platform) -> dict[str, Any]:
    return speech.conditions("ttst/allison-tuned").get("Scheduled", {"reason": ""})


def test_deleting_leaves_what_is_documented_and_nothing_else(speech: Platform) -> None:
    kinds = "jobs,deployments,replicasets,services,endpointslices,configmaps,pods,persistentvolumeclaims"
    left = eventually(lambda: only_claims(speech.get(kinds)["items"], "gone"), 120, lambda: speech.get(kinds))
    assert left == ["PersistentVolumeClaim/gone-train"]
    speech.forget("pvc/gone-train")


def only_claims(items: list[dict[str, Any]], name: str) -> list[str] | None:
    names = [f"{i['kind']}/{i['metadata']['name']}" for i in items if i["metadata"]["name"].startswith(name)]
    return names if all(n.startswith("PersistentVolumeClaim") for n in names) else None


def test_a_voice_with_the_wrong_digest_is_never_spoken(speech: Platform, trained: dict[str, Any]) -> None:
    artifact = trained["status"]["artifact"]
    wrong = {"claimName": artifact["claimName"], "path": artifact["path"], "sha256": "0" * 64}
    speech.apply(service("tampered", persistentVolumeClaim=wrong))

    def model_ready() -> dict[str, Any]:
        return speech.conditions("ttss/tampered").get("ModelReady", {})

    condition = eventually(
        lambda: c if (c := model_ready()).get("reason") == "DigestMismatch" else None, 180, model_ready
    )
    assert artifact["sha256"] in condition["message"]
    assert speech.get("ttss/tampered")["status"].get("readyReplicas", 0) == 0
    speech.forget("ttss/tampered")


@pytest.mark.parametrize("writer", ["pod", "host"])
def test_a_voice_speaks_on_the_other_torch(
    speech: Platform, trained: dict[str, Any], tmp_path: Path, writer: str
) -> None:
    """The pods run Debian's PyTorch 2.6 and this process 2.8: each speaks with what the other wrote."""
    import torch

    from tts_workloads.training import probe

    artifact = trained["status"]["artifact"]
    platform.start_loader(
        speech.cluster, speech.namespace, speech.images.workload, {artifact["claimName"]: "/checkpoints"}
    )
    try:
        if writer == "pod":
            folder, _, file = artifact["path"].rpartition("/")
            platform.copy_out(speech.cluster, speech.namespace, f"/checkpoints/{folder}", tmp_path)
            heard, written_on = probe.speak(tmp_path / file), probe.written_on(tmp_path / file)
            assert written_on.startswith("2.6")
            assert torch.__version__.startswith("2.8")
            assert heard.abs().max() > 0
        else:
            (tmp_path / "host").mkdir()
            probe.write(tmp_path / "host" / "voice.pt")
            platform.copy_in(speech.cluster, speech.namespace, tmp_path / "host", "/checkpoints/host")
            said = speech.kubectl(
                "exec",
                platform.LOADER,
                "--",
                "python3",
                "-m",
                "tts_workloads.training.probe",
                "/checkpoints/host/voice.pt",
            )
            report = json.loads(said)
            assert report["torch"].startswith("2.6")
            assert report["writtenOn"].startswith("2.8")
            assert report["peak"] == pytest.approx(
                float(probe.speak(tmp_path / "host" / "voice.pt").abs().max()), rel=1e-3
            )
    finally:
        platform.stop_loader(speech.cluster, speech.namespace)
