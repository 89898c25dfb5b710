"""The launcher with real processes: every exit code of the contract, and what is left to go on with."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workloads import tiny_corpus
from tts_api.report import ExitCode, TerminationMessage
from tts_workloads.training.telemetry import curve

pytestmark = pytest.mark.timeout(600)

STEPS = {"training__maxSteps": 40, "training__vocoderMaxSteps": 4, "training__checkpointEverySteps": 15}
ENDLESS = {"training__maxSteps": 100_000, "training__checkpointEverySteps": 50_000}


class Launched:
    """A launcher over a workspace."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.log = (workspace / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tts_workloads.training", "--run", workspace / "run.json", "--workspace", workspace],
            env=os.environ
            | {
                "TTS_TERMINATION_LOG": str(workspace / "log"),
                "PYTHONPATH": os.pathsep.join(sys.path),
                "OMP_NUM_THREADS": "1",
                "KUBERNETES_SERVICE_HOST": "127.0.0.1",  # it logs as in a pod
            },
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )

    def children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task")
        tasks = [task / "children" for task in listed.iterdir()]
        return sorted(int(child) for task in tasks for child in task.read_text().split())

    def until(self, step: int) -> None:
        """Wait until a step is done."""
        path = self.workspace / "checkpoints/voice/report/curve.jsonl"
        deadline = time.monotonic() + 300
        while not any(point["step"] >= step for point in curve.read(path)):
            assert self.process.poll() is None, self.story()
            assert time.monotonic() < deadline, self.story()
            time.sleep(0.05)

    def end(self) -> tuple[int, TerminationMessage]:
        code = self.process.wait(timeout=300)
        return code, TerminationMessage.model_validate_json((self.workspace / "log").read_text())

    def story(self) -> str:
        self.log.flush()
        return (self.workspace / "stderr").read_text()

    def events(self) -> list[dict[str, Any]]:
        records = [json.loads(line) for line in self.story().splitlines() if line.startswith("{")]
        return [record for record in records if "event" in record]


@pytest.fixture
def launched() -> Iterator[list[Launched]]:
    """Launchers that were started: what is left of them is killed."""
    started: list[Launched] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            for child in one.children():
                os.kill(child, signal.SIGKILL)
            one.process.kill()
            one.process.wait()
        one.log.close()


def start(launched: list[Launched], workspace: Path) -> Launched:
    launched.append(Launched(workspace))
    return launched[-1]


def two(folder: Path, **changes: Any) -> Path:
    """The workspace of a training with two processes."""
    return tiny_corpus.write_workspace(folder / "w", topology={"processesPerNode": 2}, **changes)


def test_stopped_killed_and_resumed_two_processes_finish_together(tmp_path: Path, launched: list[Launched]) -> None:
    """75 by SIGTERM, 75 by the loss of a peer, and 0 in the end, in one training."""
    workspace = two(tmp_path, **STEPS)

    first = start(launched, workspace)
    first.until(3)
    first.process.send_signal(signal.SIGTERM)
    code, words = first.end()
    assert code == ExitCode.INTERRUPTED, first.story()
    assert words.reason == "Interrupted"
    assert words.checkpoint is not None
    assert words.checkpoint.step == words.step >= 3

    second = start(launched, workspace)
    second.until(words.step + 3)
    resumed = [record["step"] for record in second.events() if record["event"] == "resumed"]
    assert resumed == [words.step] * 2
    os.kill(second.children()[-1], signal.SIGKILL)
    code, lost = second.end()
    assert code == ExitCode.INTERRUPTED, second.story()
    assert lost.reason == "Interrupted"

    third = start(launched, workspace)
    code, words = third.end()
    assert code == ExitCode.FINISHED, third.story()
    assert words.result is not None
    assert words.step == 44
    assert (workspace / "checkpoints" / words.result.artifact.path).exists()
    steps = [p["step"] for p in curve.read(workspace / "checkpoints/voice/report/curve.jsonl") if "loss" in p]
    assert steps == list(range(1, 45))


def test_bad_data_is_64_with_its_line(tmp_path: Path, launched: list[Launched]) -> None:
    workspace = two(tmp_path)
    (workspace / "data/tones/metadata.csv").write_text("clip00|Good morning.\nno separator here\n")
    code, words = start(launched, workspace).end()
    assert code == ExitCode.BAD_INPUT
    assert words.reason == "InvalidDataset"
    assert "line 2" in words.message


def test_any_other_error_is_a_failure_that_counts(tmp_path: Path, launched: list[Launched]) -> None:
    workspace = two(tmp_path)
    (workspace / "checkpoints/voice").write_text("a file where the folder should be")
    one = start(launched, workspace)
    code, words = one.end()
    assert code not in {ExitCode.FINISHED, ExitCode.BAD_INPUT, ExitCode.INTERRUPTED}, one.story()
    assert words.reason == "WorkloadFailed"


def test_processes_end_when_their_launcher_is_killed(tmp_path: Path, launched: list[Launched]) -> None:
    one = start(launched, two(tmp_path, **ENDLESS))
    one.until(2)
    children = one.children()
    assert len(children) == 2
    one.process.kill()
    one.process.wait()
    deadline = time.monotonic() + 120
    while any(alive(child) for child in children):
        assert time.monotonic() < deadline, "they go on without a launcher"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def losses(workspace: Path) -> dict[tuple[int, str], float]:
    points = curve.read(workspace / "checkpoints/voice/report/curve.jsonl")
    return {(p["step"], key): p[key] for p in points for key in ("loss", "validation/loss") if key in p}


def test_killed_at_any_moment_it_goes_on_as_if_it_had_not_been(tmp_path: Path, launched: list[Launched]) -> None:
    """One process, killed twice at random; the loss of every step is the undisturbed training's to the last digit."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    undisturbed = tiny_corpus.write_workspace(tmp_path / "whole/w", **STEPS)
    whole = start(launched, undisturbed)  # beside the others, for each of them is one process on one core

    workspace = tiny_corpus.write_workspace(tmp_path / "killed/w", **STEPS)
    dice = random.Random(4)
    for after in (8, 25):
        one = start(launched, workspace)
        one.until(after)
        time.sleep(dice.random() / 4)
        one.process.kill()
        one.process.wait()
    done = max(step for step, _ in losses(workspace))
    last = start(launched, workspace)
    code, words = last.end()
    assert code == ExitCode.FINISHED, last.story()
    (resumed,) = [record["step"] for record in last.events() if record["event"] == "resumed"]
    assert 0 <= done - resumed <= 15
    assert words.step == 44
    assert whole.end()[0] == ExitCode.FINISHED, whole.story()
    assert losses(workspace) == losses(undisturbed)


def test_one_process_alone_saves_on_sigterm_too(tmp_path: Path, launched: list[Launched]) -> None:
    one = start(launched, tiny_corpus.write_workspace(tmp_path / "w", **ENDLESS))
    one.until(2)
    assert one.children() == []
    one.process.send_signal(signal.SIGTERM)
    code, words = one.end()
    assert code == ExitCode.INTERRUPTED, one.story()
    assert words.checkpoint is not None
    assert words.checkpoint.step >= 2
