"""Training and server, asked to stop while they still import PyTorch, which process 1 of a container would ignore."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tts_api.report import TERMINATION_MESSAGE_PATH, ExitCode, TerminationMessage
from tts_workloads import early_stop

TERM = 1 << (signal.SIGTERM - 1)


def catches(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & TERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize(
    ("module", "code", "reason"),
    [("training", ExitCode.INTERRUPTED, "Interrupted"), ("serving", ExitCode.FINISHED, "Finished")],
    ids=["training", "serving"],
)
def test_a_signal_during_the_imports_ends_the_process(
    module: str, code: ExitCode, reason: str, number: signal.Signals, tmp_path: Path
) -> None:
    left = tmp_path / "log"
    process = subprocess.Popen(
        [sys.executable, "-m", f"tts_workloads.{module}", "--run", tmp_path / "run.json", "--workspace", tmp_path],
        env=os.environ | {"TTS_TERMINATION_LOG": str(left), "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not catches(process.pid):
        assert process.poll() is None
        time.sleep(0.001)
    # The handler is there before PyTorch is.
    assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
    process.send_signal(number)
    words = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert words.startswith(f"{number.name}: stopped before the ")
    assert "Traceback" not in words
    message = TerminationMessage.model_validate(json.loads(left.read_text()))
    assert (message.reason, message.checkpoint) == (reason, None)


def test_the_constants_are_those_of_the_contract() -> None:
    assert (early_stop.INTERRUPTED, early_stop.FINISHED) == (ExitCode.INTERRUPTED, ExitCode.FINISHED)
    assert early_stop._TERMINATION_LOG == TERMINATION_MESSAGE_PATH
