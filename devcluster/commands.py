"""Runs a program to its end: returns its output, reports each line, and puts the last lines into the error."""

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO


class PartsError(RuntimeError):
    """A part of the cluster could not be built or fetched. The message names the part and the remedy."""


def run(
    command: Sequence[str | Path],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] = lambda _: None,
) -> str:
    """Return the command's output. `on_line` gets each line of output and error output while it runs.

    Raises PartsError with the last lines if it fails.
    """
    words = list(map(str, command))
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    everything: list[str] = []
    output: list[str] = []

    def read(stream: IO[str], *lists: list[str]) -> None:
        for line in stream:
            for lines in lists:
                lines.append(line)
            on_line(line)

    assert process.stdout
    assert process.stderr
    errors = threading.Thread(target=read, args=(process.stderr, everything))
    errors.start()
    try:
        read(process.stdout, everything, output)
        errors.join()
        code = process.wait()
    except BaseException:
        process.kill()
        raise
    if code:
        raise PartsError(f"{' '.join(words)[:300]}: exit status {code}\n{''.join(everything[-20:])}")
    return "".join(output)
