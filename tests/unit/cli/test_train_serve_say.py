"""The same two manifests without a cluster: a training that is killed, stopped and resumed, a service of its voice, and
speech from both."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
import yaml
from typer.testing import CliRunner

from tests.unit.operator import builders
from tests.unit.workloads import tiny_corpus
from tts_api.resources import TTSTraining
from tts_api.run import TrainingRun, digest
from tts_cli.app import app
from tts_operator.sources import SourceTrainings
from tts_operator.training.manifests import run_document
from tts_workloads.files import sha256_of
from tts_workloads.voice_file import open_voice

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("cli")]


def manifest(steps: int = 24) -> dict[str, Any]:
    run = tiny_corpus.run_document(training__maxSteps=steps, training__vocoderMaxSteps=2)
    dataset = {
        "format": "ljspeech",
        "source": {"persistentVolumeClaim": {"claimName": "corpora", "path": "tones"}},
        "audio": run["dataset"]["audio"],
    }
    return {
        "apiVersion": "ttsoperator.dev/v1alpha1",
        "kind": "TTSTraining",
        "metadata": {"name": "allison"},
        "spec": {"dataset": dataset, "model": run["model"], "training": run["training"]},
    }


SERVICE = {
    "apiVersion": "ttsoperator.dev/v1alpha1",
    "kind": "TTSService",
    "metadata": {"name": "speaker"},
    "spec": {"model": {"fromTraining": {"name": "allison"}}, "replicas": 3, "limits": {"maxInputCharacters": 20}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with manifests and a volume of corpora."""
    folder = tmp_path_factory.mktemp("laptop")
    tiny_corpus.write_corpus(folder / "corpora" / "tones")
    (folder / "training.yaml").write_text(yaml.safe_dump(manifest()))
    (folder / "service.yaml").write_text(yaml.safe_dump(SERVICE))
    return folder


@pytest.fixture(scope="module")
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts commands in the folder, and kills what is left of them."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "tts_cli", *map(str, arguments)],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def newest(output: Path) -> int:
    """The step of the newest checkpoint."""
    return max((int(path.name.split("-")[1]) for path in output.glob("checkpoint-*.pt")), default=0)


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, what it said, and the step of the newest checkpoint then."""

    code: int
    said: str
    complaint: str
    step: int


@pytest.fixture(scope="module")
def attempts(folder: Path, start: Callable[..., subprocess.Popen[str]]) -> tuple[Ended, ...]:
    """A training whose command is killed, stopped by Ctrl-C, and then left to end, each time the same command."""
    command, output = ("run", "training.yaml", "--data", "corpora"), folder / "allison-voice"

    def ended(process: subprocess.Popen[str]) -> Ended:
        said, complaint = process.communicate(timeout=300)
        return Ended(process.returncode, said, complaint, newest(output))

    killed = start(*command)
    wait_for(lambda: newest(output) >= 2, killed)
    killed.kill()
    first = ended(killed)
    # The training's process sees that, saves and ends; the same command waits for that.
    stopped = start(*command)
    wait_for(lambda: newest(output) > first.step + 2, stopped)
    stopped.send_signal(signal.SIGINT)
    return first, ended(stopped), ended(start(*command))


@pytest.fixture(scope="module")
def output(folder: Path, attempts: tuple[Ended, ...]) -> Path:
    """The folder that the training left."""
    assert attempts[-1].code == 0, attempts
    return folder / "allison-voice"


def test_stopped_it_saves_and_says_that_the_same_command_goes_on(attempts: tuple[Ended, ...]) -> None:
    killed, stopped, _ = attempts
    assert (killed.code, stopped.code) == (-signal.SIGKILL, 75)
    assert 2 <= killed.step < stopped.step < 26
    assert "stopping: the training finishes its step and saves a checkpoint" in stopped.said
    assert f"tts: stopped; the same command goes on from its checkpoint at step {stopped.step}" in stopped.complaint


def test_the_same_command_goes_on_to_the_voice(output: Path, attempts: tuple[Ended, ...]) -> None:
    last = attempts[-1]
    assert (last.code, last.complaint) == (0, "")
    assert "not used here: spec.dataset.source.persistentVolumeClaim.claimName\n" in last.said
    assert "100% finished: step 26/26" in last.said
    assert "speak:      tts say 'Good morning.' -o hello.wav --voice allison-voice/voice.pt" in last.said
    assert (output / "report/index.html").exists()
    assert open_voice(output / "voice.pt").card.name == "allison"
    assert open_voice(output / "voice.pt").card.provenance.steps == 26


def test_the_run_document_is_a_pods(output: Path) -> None:
    """Both come from one function: a pod could go on with the same checkpoints."""
    body = builders.training()
    resource = TTSTraining.model_validate({"metadata": body["metadata"], "spec": manifest()["spec"]})
    here = TrainingRun.model_validate_json((output / ".workspace/run.json").read_text())
    assert digest(here) == digest(run_document(resource, SourceTrainings()))


def test_run_again_it_changes_nothing(folder: Path, output: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    before = sha256_of(output / "voice.pt")
    again = start("run", "training.yaml", "--data", folder / "corpora/tones")
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert sha256_of(output / "voice.pt") == before


def test_two_runs_never_share_a_folder(folder: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tts_cli import output_folder

    monkeypatch.chdir(folder)
    monkeypatch.setattr(output_folder, "PATIENCE_SECONDS", 0.0)
    with output_folder.OutputFolder(output, "allison").locked(print):
        result = CliRunner().invoke(app, ["run", "training.yaml", "--data", "corpora"])
    assert result.exit_code == 1
    assert "another training still writes to allison-voice: wait for its end" in result.stderr


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(
            lambda folder: (folder / "corpora/tones/metadata.csv").write_text("no separator\n"),
            "InvalidDataset: {corpora}/tones: 1 problem (in full: bad/report/problems.txt): metadata.csv line 1",
            id="a corpus",
        ),
        pytest.param(
            lambda folder: (folder / "training.yaml").write_text(yaml.safe_dump(manifest(steps=25))),
            "CheckpointMismatch",
            id="another training's checkpoints",
        ),
    ],
)
def test_what_the_training_refuses_is_told_with_the_users_paths(
    folder: Path, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, message: str
) -> None:
    shutil.copytree(folder / "corpora", tmp_path / "corpora")
    shutil.copy(folder / "training.yaml", tmp_path)
    if "Mismatch" in message:
        shutil.copytree(output, tmp_path / "bad", symlinks=True)
    spoil(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["run", "training.yaml", "--data", "corpora", "--output", "bad"])
    assert result.exit_code == 64
    assert message.format(corpora=tmp_path / "corpora") in result.stderr
    assert ".workspace" not in result.stderr


def test_a_training_starts_from_the_voice_of_another(
    folder: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = manifest()
    tuned["metadata"]["name"] = "tuned"
    tuned["spec"]["model"] = {part: {"fromTraining": {"name": "base"}} for part in ("acoustic", "vocoder")}
    tuned["spec"]["training"] |= {"maxSteps": 2, "vocoderMaxSteps": 0}
    (folder / "tuned.yaml").write_text(yaml.safe_dump(tuned))
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, ["run", "tuned.yaml", "--data", "corpora", "--from", f"base={output}"])
    assert result.exit_code == 0, result.output
    made = open_voice(folder / "tuned-voice/voice.pt").card.provenance
    assert made.acoustic_from == made.vocoder_from == sha256_of(output / "voice.pt")


@pytest.mark.usefixtures("output")
def test_the_service_speaks_with_what_the_training_left(
    folder: Path, start: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = start("run", "service.yaml", "--port", port)
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{address}/readyz").is_success
        except httpx.TransportError:
            return False

    wait_for(ready, served)
    monkeypatch.chdir(folder)
    runner = CliRunner()
    assert runner.invoke(app, ["say", "Good morning.", "-o", "b.wav", "--address", address]).exit_code == 0
    assert soundfile.info(folder / "b.wav").samplerate == tiny_corpus.SAMPLE_RATE
    refused = runner.invoke(app, ["say", "Good morning. " * 9, "-o", "c.wav", "--address", address])
    assert refused.exit_code == 64
    assert "at most 20 are allowed" in refused.stderr
    assert httpx.get(f"{address}/v1/models").json()["data"][0]["id"] == "speaker"
    served.send_signal(signal.SIGINT)
    said, log = served.communicate(timeout=60)
    assert served.returncode == 0
    assert f"TTSService speaker: serves allison-voice/voice.pt at {address}/, a page to type and listen" in said
    assert "not used here: spec.replicas\n" in said
    assert f"ready: requests ask for the model speaker, and {address}/ is a page" in log


@pytest.mark.usefixtures("output")
def test_the_voices_file_speaks_in_this_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(
        app, ["say", "-", "--voice", "allison-voice/voice.pt", "-o", "a.wav"], input="One, two."
    )
    assert result.exit_code == 0
    assert soundfile.info(folder / "a.wav").frames > 0
