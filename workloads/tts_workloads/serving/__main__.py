"""``python -m tts_workloads.serving``: serves a voice, in a pod by a run document or on a laptop by its file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tts_workloads.early_stop import FINISHED, stop_at_once

if __name__ == "__main__":
    # Before the imports that take seconds.
    stop_at_once(FINISHED, "stopped before the server was ready")

from tts_api.run import CHECKPOINTS_PATH, RUN_PATH
from tts_workloads import logs
from tts_workloads.serving import flags
from tts_workloads.serving.config import ServingConfig, from_file, from_run
from tts_workloads.serving.process import serve


def main() -> int:
    """Parse the arguments and serve until SIGTERM. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tts_workloads.serving", description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", type=Path, default=RUN_PATH, help="the run document (default: %(default)s)")
    source.add_argument("--voice", type=Path, help="a voice's file, served under its name without a run document")
    parser.add_argument(
        "--workspace",
        type=Path,
        default=CHECKPOINTS_PATH.parent,
        help="folder with checkpoints/, where the run document's voice is (default: %(default)s)",
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1 with --voice, else all)")
    parser.add_argument("--port", type=int, help="port to listen on (default: the run document's, or 8000)")
    parser.add_argument(
        "--api-keys",
        type=Path,
        metavar="FOLDER",
        help="with --voice: each file here holds a key, and requests must have one of them",
    )
    flags.add(parser)
    arguments = parser.parse_args()
    alone = ["--api-keys"] * bool(arguments.api_keys) + flags.given(arguments)
    if alone and arguments.voice is None:
        parser.error(f"{alone[0]} goes with --voice; a run document says it by itself")
    try:
        limits, batching = flags.chosen(arguments)
    except ValueError as error:
        parser.error(str(error))
    logs.configure()

    def read_config() -> ServingConfig:
        if arguments.voice is not None:
            host, port = arguments.host or "127.0.0.1", arguments.port or 8000
            return from_file(arguments.voice, host, port, arguments.api_keys, limits, batching)
        return from_run(arguments.run, arguments.workspace, arguments.host or "", arguments.port)

    return serve(read_config)


if __name__ == "__main__":
    sys.exit(main())
