"""The folder that a training on this machine writes to, and the workspace that its process finds in it.

``voice.pt`` and ``report/`` are for people. ``.workspace/`` has the layout of a pod's volumes (``tts_api.run``), in
which the folder of the run is a link to the output folder itself.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tts_api.report import TerminationMessage, TrainingProgress
from tts_api.resources.training import Model
from tts_api.run import RunSource, RunSources, TrainingRun, dumps
from tts_cli.failure import Failure, refused

VOICE_FILE = "voice.pt"
REPORT_PAGE = Path("report/index.html")
PATIENCE_SECONDS = 30.0
"""How long a run waits for an earlier one that ends, such as a process that still saves its checkpoint."""


def default_folder(training: str) -> Path:
    """The output folder of a training that was given none."""
    return Path(f"{training}-voice")


@dataclass(frozen=True)
class OutputFolder:
    """The output folder of the training ``name``."""

    folder: Path
    name: str

    @property
    def workspace(self) -> Path:
        """The folder that the process takes for its workspace."""
        return self.folder.absolute() / ".workspace"

    @property
    def run(self) -> Path:
        """The run document."""
        return self.workspace / "run.json"

    @property
    def progress(self) -> Path:
        """The newest progress document."""
        return self.workspace / "progress.json"

    @property
    def last_words(self) -> Path:
        """The termination message of the process."""
        return self.workspace / "termination.json"

    @property
    def log(self) -> Path:
        """What the process logged, over all its attempts."""
        return self.folder / "training.log"

    @property
    def voice(self) -> Path:
        """The finished voice, under the same name whatever its digest is."""
        return self.folder / VOICE_FILE

    @contextmanager
    def locked(self, note: Callable[[str], None]) -> Iterator[int]:
        """Keep the folder from other runs, also from the process of a run that was killed and still saves. Yields the
        descriptor of the lock, which the process must hold, too.

        Raises Failure where the folder cannot be made, and where another run goes on in it.
        """
        try:
            self.workspace.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.workspace / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise refused(f"--output {self.folder} cannot be written to: {error.strerror}") from None
        try:
            waited_until = 0.0
            while not _taken(descriptor):
                if not waited_until:
                    waited_until = time.monotonic() + PATIENCE_SECONDS
                    note(f"another training writes to {self.folder}: waiting for it to end")
                if time.monotonic() > waited_until:
                    raise Failure(
                        f"another training still writes to {self.folder}: wait for its end, or give another "
                        "folder with --output"
                    )
                time.sleep(0.2)
            yield descriptor
        finally:
            os.close(descriptor)

    def prepare(self, run: TrainingRun, corpus: Path, sources: dict[str, Path]) -> None:
        """Lay out the workspace of a run. ``sources`` has the voice's file for each model that starts from one."""
        for part in ("data", "checkpoints", "sources"):
            path = self.workspace / part
            if path.is_symlink():
                path.unlink()
            elif path.exists():
                shutil.rmtree(path)
        for stale in (self.progress, self.last_words):
            stale.unlink(missing_ok=True)
        _link(self.workspace / "data" / run.dataset.path if run.dataset.path else self.workspace / "data", corpus)
        _link(self.workspace / "checkpoints" / run.output, Path("../.."))
        for part, voice in sources.items():
            _link(self.workspace / "sources" / part / VOICE_FILE, voice)
        self.run.write_text(dumps(run))

    def read_progress(self) -> TrainingProgress | None:
        """Return the newest progress; None before the process has written any."""
        try:
            return TrainingProgress.model_validate_json(self.progress.read_text())
        except (OSError, ValueError):
            return None

    def read_last_words(self) -> TerminationMessage | None:
        """Return the termination message; None where the process left none."""
        try:
            return TerminationMessage.model_validate_json(self.last_words.read_text())
        except (OSError, ValueError):
            return None

    def publish(self, artifact: str) -> Path:
        """Put the finished voice under its stable name and return that. ``artifact`` is its path on the volume."""
        made = self.workspace / "checkpoints" / artifact
        unfinished = self.folder / f".{VOICE_FILE}.tmp"
        unfinished.unlink(missing_ok=True)
        try:
            unfinished.hardlink_to(made.resolve())
        except OSError:  # not every file system has hard links
            shutil.copyfile(made, unfinished)
        unfinished.replace(self.voice)
        return self.voice

    def as_given(self, message: str, corpus: Path) -> str:
        """Return a message of the process with the paths that the user knows in place of the workspace's."""
        for inside, outside in (
            (f"{self.workspace}/checkpoints/{self.name}", str(self.folder)),
            (f"{self.name}/report/problems.txt on the checkpoint volume", f"{self.folder}/report/problems.txt"),
        ):
            message = message.replace(inside, outside)
        data = f"{self.workspace}/data"
        run = TrainingRun.model_validate_json(self.run.read_text())
        return message.replace(f"{data}/{run.dataset.path}".rstrip("/"), str(corpus)).replace(data, str(corpus))


def sources_of(model: Model, given: dict[str, Path]) -> dict[str, Path]:
    """Return the voice's file for each model that starts from another training. ``given`` has the folder of each
    training that the user named.

    Raises Failure where a folder has no voice, or where one is given that no model starts from.
    """
    found: dict[str, Path] = {}
    names = set()
    for part, reference in (("acoustic", model.acoustic.from_training), ("vocoder", model.vocoder.from_training)):
        if reference is None:
            continue
        names.add(reference.name)
        folder = given.get(reference.name, default_folder(reference.name))
        voice = folder if folder.is_file() else folder / VOICE_FILE
        if not voice.is_file():
            raise refused(
                f"spec.model.{part}.fromTraining.name is {reference.name}, and there is no {voice}: train it first, or "
                f"say where its output is with --from {reference.name}=FOLDER"
            )
        found[part] = voice.absolute()
    for name in sorted(set(given) - names):
        raise refused(f"--from {name}: no model starts from the training {name}: leave it out")
    return found


def run_sources(voices: dict[str, Path]) -> RunSources:
    """Return the sources as a run document has them. Each voice is linked under one name in the workspace."""
    from tts_workloads.files import sha256_of

    made = {part: RunSource(path=VOICE_FILE, sha256=sha256_of(voice)) for part, voice in voices.items()}
    return RunSources(acoustic=made.get("acoustic"), vocoder=made.get("vocoder"))


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
