"""``python -m tts_cli.training_process RUN WORKSPACE``: the process that trains for ``tts run``. It is a training as in
a pod, except that it stops, with a checkpoint, when the command that started it is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from tts_workloads.early_stop import INTERRUPTED, stop_at_once


def _stop_with_parent() -> None:
    """Wait until standard input ends, as it does with the parent, and then ask this process to stop."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Train and return the exit code of the contract."""
    stop_at_once(INTERRUPTED, "stopped before the training began")  # before the imports that take seconds
    threading.Thread(target=_stop_with_parent, name="parent", daemon=True).start()
    from tts_workloads import logs
    from tts_workloads.training.processes.launch import launch

    logs.configure()
    return launch(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    sys.exit(main())
