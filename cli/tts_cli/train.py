"""Trains a voice on this machine by the manifest of a TTSTraining. The training is a process of its own, the same as in
a pod; this module starts it, shows its progress, hands signals on, and says how it ended."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tts_api.report import ExitCode, TerminationMessage
from tts_api.resources import TTSTraining
from tts_api.run import Topology
from tts_api.run_documents import training_run
from tts_cli.failure import Failure, needs, refused
from tts_cli.manifests import Manifest, given
from tts_cli.output_folder import REPORT_PAGE, OutputFolder, default_folder, run_sources, sources_of
from tts_cli.progress_view import ProgressView, view_for
from tts_workloads.processors import SHORT_SPIN

UNUSED = ("image", "dataset.source.persistentVolumeClaim.claimName", "resources", "storage", "runPolicy", "template")
"""Fields of the spec that have no meaning on one machine."""
LOOK_SECONDS = 0.5
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
"""What the process is sent at the first, the second and each further request to stop: the first lets it finish its step
and save, the second leaves at once."""


def corpus_folder(data: Path, training: TTSTraining) -> Path:
    """Return the folder of the corpus: the one below ``data`` that the manifest names, or ``data`` itself.

    Raises Failure where there is no such folder.
    """
    if not data.is_dir():
        raise refused(f"--data {data} is no folder: give the folder of the corpus")
    below = data / training.spec.dataset.source.persistent_volume_claim.path
    return (below if below.is_dir() else data).absolute()


def train(manifest: Manifest, data: Path | None, output: Path | None, sources: dict[str, Path]) -> int:
    """Train to the end, from the newest checkpoint if there is one, and return the exit code. Raises Failure."""
    training = manifest.resource(TTSTraining)
    if data is None:
        raise refused(f"{manifest.title} needs its corpus: --data FOLDER")
    if importlib.util.find_spec("torch") is None:
        raise needs("PyTorch", "cli,workloads,torch")
    corpus = corpus_folder(data, training)
    voices = sources_of(training.spec.model, sources)
    made = OutputFolder(output or default_folder(manifest.name), manifest.name)
    run = training_run(training.spec, output=manifest.name, sources=run_sources(voices), topology=Topology())
    view = view_for()
    view.note(f"{manifest.title}: trains into {made.folder}/, and logs to {made.log}")
    if unused := given(manifest.body, UNUSED):
        view.note(f"not used here: {', '.join(unused)}")
    with made.locked(view.note) as lock:
        try:
            made.prepare(run, corpus, voices)
            code, stopped = _run(made, lock, view)
            return _ended(made, corpus, code, stopped=stopped)
        except OSError as error:
            raise Failure(f"{made.folder} cannot be written to: {error.strerror or error}") from None


def _run(made: OutputFolder, lock: int, view: ProgressView) -> tuple[int, bool]:
    """Run the process to its end. Returns its exit code, and whether it was asked to stop."""
    with made.log.open("ab") as log, view:
        process = subprocess.Popen(
            [sys.executable, "-m", "tts_cli.training_process", made.run, made.workspace],
            env=_environment(made),
            stdin=subprocess.PIPE,  # it ends with this process, which tells the other one to stop
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,  # a Ctrl-C reaches it through this process alone
        )
        with _signals_handed_on(process, view.note) as asked:
            while process.poll() is None:
                time.sleep(LOOK_SECONDS)
                if (document := made.read_progress()) is not None:
                    view.show(document)
        return process.returncode, bool(asked)


def _environment(made: OutputFolder) -> dict[str, str]:
    return (
        SHORT_SPIN
        | os.environ
        | {
            "TTS_PROGRESS_FILE": str(made.progress),
            "TTS_TERMINATION_LOG": str(made.last_words),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
    )


@contextmanager
def _signals_handed_on(process: subprocess.Popen[bytes], note: Callable[[str], None]) -> Iterator[list[int]]:
    """Send the process what asks this one to stop, meanwhile. Yields the signals that came."""
    asked: list[int] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        del frame
        process.send_signal(SIGNALS[min(len(asked), len(SIGNALS) - 1)])
        if not asked:
            note("stopping: the training finishes its step and saves a checkpoint; Ctrl-C again stops at once")
        asked.append(number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(made: OutputFolder, corpus: Path, code: int, *, stopped: bool) -> int:
    """Say how the training ended, and return the exit code of the command. Raises Failure where there is no voice."""
    words = made.read_last_words()
    if code == ExitCode.FINISHED and words is not None and words.result is not None:
        voice = made.publish(words.result.artifact.path)
        _say_finished(made, voice, words)
        return ExitCode.FINISHED
    if code == ExitCode.INTERRUPTED or stopped:
        step = f" at step {words.checkpoint.step}" if words and words.checkpoint else ""
        raise Failure(f"stopped; the same command goes on from its checkpoint{step}", ExitCode.INTERRUPTED)
    if code < 0 or words is None:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        raise Failure(f"the training {how}; {made.log} has more. The same command goes on from its newest checkpoint")
    told = made.as_given(words.message, corpus)
    more = "" if code == ExitCode.BAD_INPUT else f" ({made.log} has more; the same command goes on from its checkpoint)"
    raise Failure(f"{words.reason}: {told}{more}", code)


def _say_finished(made: OutputFolder, voice: Path, words: TerminationMessage) -> None:
    result = words.result
    if result is not None and (measured := result.evaluation) is not None and measured.word_error_rate is not None:
        print(f"a recogniser misheard {100 * measured.word_error_rate:.1f} % of the words")
    print(
        f"the voice:  {voice}\n"
        f"its report: {made.folder / REPORT_PAGE}\n"
        f"speak:      tts say 'Good morning.' -o hello.wav --voice {voice}\n"
        f"serve:      tts serve {voice}"
    )
