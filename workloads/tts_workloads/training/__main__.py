"""``python -m tts_workloads.training``: trains the voice that a run document describes, in a pod or on a laptop."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tts_workloads.early_stop import INTERRUPTED, stop_at_once

if __name__ == "__main__":
    # Before the imports that take seconds.
    stop_at_once(INTERRUPTED, "stopped before the training began")

from tts_api.run import CHECKPOINTS_PATH, RUN_PATH
from tts_workloads import logs
from tts_workloads.training.processes.launch import launch


def main() -> int:
    """Parse the arguments and train. Returns the exit code of the contract."""
    parser = argparse.ArgumentParser(prog="python -m tts_workloads.training", description=__doc__)
    parser.add_argument("--run", type=Path, default=RUN_PATH, help="the run document (default: %(default)s)")
    parser.add_argument(
        "--workspace",
        type=Path,
        default=CHECKPOINTS_PATH.parent,
        help="folder with data/, where the corpus is, and checkpoints/, for what is made (default: %(default)s)",
    )
    arguments = parser.parse_args()
    logs.configure()
    return launch(arguments.run, arguments.workspace)


if __name__ == "__main__":
    sys.exit(main())
