"""How a pod's exit follows from the exits of its processes, and what the termination message holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tts_api.reasons import Reason
from tts_api.report import Artifact, Checkpoint, TerminationMessage, TrainingResult
from tts_workloads.exits import BadInput, Exit, StorageFull, encoded, exit_of, write_termination_message
from tts_workloads.training.processes import rank_exits

CHECKPOINT = Checkpoint(step=7, path="a/b.pt", sha256="0" * 64, saved_at="2026-01-01T00:00:00Z")


def said(code: int, reason: str, *, saved: bool = False) -> Exit:
    return Exit(code, TerminationMessage(reason=reason, checkpoint=CHECKPOINT if saved else None))


@pytest.mark.parametrize(
    ("left", "exit_codes", "code", "reason"),
    [
        # everything went well: the leader's words
        ({0: said(0, "Finished"), 1: said(0, "Finished")}, {}, 0, "Finished"),
        # all stopped together: the one that saved speaks
        ({0: said(75, "Interrupted", saved=True), 1: said(75, "Interrupted")}, {1: 75}, 75, "Interrupted"),
        # the data is wrong in all
        ({0: said(64, "InvalidDataset"), 1: said(64, "InvalidDataset")}, {0: 64}, 64, "InvalidDataset"),
        # one found the data wrong, the others lost their peer because of it
        ({0: said(75, "Interrupted", saved=True), 1: said(64, "Diverged")}, {0: 75, 1: 64}, 64, "Diverged"),
        # a failure is the cause of the interruption beside it, whichever was seen first
        ({0: said(75, "Interrupted", saved=True), 1: said(1, "WorkloadFailed")}, {0: 75, 1: 1}, 1, "WorkloadFailed"),
        ({0: said(75, "Interrupted", saved=True), 1: said(1, "WorkloadFailed")}, {0: 75}, 1, "WorkloadFailed"),
        # a process was killed: the survivor that saved speaks
        ({0: said(75, "Interrupted", saved=True)}, {1: -9, 0: 75}, 75, "Interrupted"),
        ({}, {1: -9}, 75, "Interrupted"),
        # a process that died without words
        ({}, {0: 3}, 3, "WorkloadFailed"),
        ({}, {0: 64}, 64, "InvalidRun"),
        ({}, {}, 0, "Finished"),
    ],
)
def test_one_exit_of_many(left: dict[int, Exit], exit_codes: dict[int, int], code: int, reason: str) -> None:
    outcome = rank_exits.combine(left, exit_codes)
    assert (outcome.code, outcome.message.reason) == (code, reason)


def test_the_one_that_saved_speaks_for_those_that_did_not() -> None:
    outcome = rank_exits.combine({0: said(75, "Interrupted"), 1: said(75, "Interrupted", saved=True)}, {0: 75, 1: 75})
    assert outcome.message.checkpoint == CHECKPOINT


def test_exits_travel_through_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(rank_exits.FOLDER_VARIABLE, str(tmp_path))
    outcome = Exit(75, TerminationMessage(reason="Interrupted", step=3, checkpoint=CHECKPOINT))
    rank_exits.leave(outcome, 1)
    assert rank_exits.collect(tmp_path) == {1: outcome}


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (BadInput(Reason.INVALID_DATASET, "line 3"), 64, "InvalidDataset"),
        (StorageFull("x"), 1, "StorageFull"),
        (OSError(28, "No space left on device"), 1, "StorageFull"),
        (OSError(13, "Permission denied"), 1, "WorkloadFailed"),
        (MemoryError(), 1, "OutOfMemory"),
        (torch.OutOfMemoryError("CUDA out of memory"), 1, "OutOfMemory"),
        (RuntimeError("shape mismatch"), 1, "WorkloadFailed"),
    ],
)
def test_every_error_has_its_exit(error: Exception, code: int, reason: str) -> None:
    outcome = exit_of(error)
    assert (outcome.code, outcome.message.reason) == (code, reason)
    assert str(error) in outcome.message.message


def test_last_words_always_fit() -> None:
    artifact = Artifact(
        path="a" * 900,
        sha256="0" * 64,
        size_bytes=1,
        sample_rate=16000,
        languages=("en-us",),
        speakers=tuple(f"speaker number {i}" for i in range(1000)),
    )
    words = TerminationMessage(
        reason="Finished", message="ü" * 1500, step=3, checkpoint=CHECKPOINT, result=TrainingResult(artifact=artifact)
    )
    document = encoded(words)
    assert len(document) <= 4096
    assert json.loads(document)["result"]["artifact"]["sha256"] == "0" * 64


def test_last_words_are_written_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(tmp_path / "log"))
    write_termination_message(TerminationMessage(reason="Finished"))
    assert json.loads((tmp_path / "log").read_text()) == {"schema": 1, "reason": "Finished", "message": "", "step": 0}
