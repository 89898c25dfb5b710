"""Checkpoint files: each is complete or absent, and a digest in its name proves it. ``loop`` decides what is in them;
it may be tensors and plain values only, so that loading a checkpoint runs no code."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tts_api.reasons import Reason
from tts_api.report import Checkpoint
from tts_workloads.exits import BadInput
from tts_workloads.files import sha256_of, sync_folder, write_whole

log = logging.getLogger(__name__)

FORMAT = 2
NAME = re.compile(r"^checkpoint-(?P<step>\d{9})-(?P<digest>[0-9a-f]{16})\.pt$")
"""A file's name holds its step and the start of its digest, so that a single rename makes the checkpoint valid."""


def _step_of(path: Path) -> int:
    return int(path.stem.split("-")[1])


@dataclass(frozen=True)
class Found:
    """A checkpoint on the disk with the right digest."""

    path: Path
    step: int
    sha256: str


class Checkpoints:
    """The checkpoints of one run, in one folder."""

    def __init__(self, folder: Path, *, run_sha256: str, keep: int, root: Path) -> None:
        """``keep`` is the number of newest checkpoints to keep. Reported paths are relative to ``root``, the root of
        the volume."""
        self._folder, self._run, self._keep, self._root = folder, run_sha256, keep, root
        self._torn: set[Path] = set()
        """Files that were found to have the wrong digest."""

    def save(self, state: dict[str, Any], step: int, *, keep: Collection[int] = ()) -> Checkpoint:
        """Save a checkpoint, then delete all but this one, the newest ones before it and those of the steps in
        ``keep``.

        Raises StorageFull, in which case no earlier checkpoint is lost.
        """
        state = state | {"format": FORMAT, "run": self._run, "step": step}
        self._remove_unfinished()
        unnamed = self._folder / f"checkpoint-{step:09d}.pt"
        staged = unnamed.with_suffix(".staged")
        write_whole(staged, lambda file: torch.save(state, file))
        sha256 = sha256_of(staged)
        path = unnamed.with_name(f"checkpoint-{step:09d}-{sha256[:16]}.pt")
        staged.replace(path)
        sync_folder(self._folder)
        self._torn.discard(path)
        # One of a later step must be torn, or this training would have resumed from it; one of this step is replaced.
        earlier = [old for old in self._by_age() if _step_of(old) < step and old not in self._torn]
        kept = {path, *earlier[: self._keep - 1], *(old for old in earlier if _step_of(old) in keep)}
        for old in self._by_age():
            if old not in kept:
                old.unlink(missing_ok=True)
        return self.describe(Found(path, step, sha256))

    def describe(self, found: Found) -> Checkpoint:
        """The checkpoint as it is reported."""
        saved = datetime.fromtimestamp(found.path.stat().st_mtime, UTC)
        return Checkpoint(
            step=found.step,
            path=str(found.path.relative_to(self._root)),
            sha256=found.sha256,
            saved_at=saved.isoformat(timespec="seconds").replace("+00:00", "Z"),
        )

    def newest(self) -> Found | None:
        """The newest checkpoint with the right digest; others are skipped with a warning."""
        return self._first_whole(self._by_age())

    def at(self, step: int) -> Found | None:
        """The checkpoint of a step, if it has the right digest; the one written last if there are several."""
        return self._first_whole([path for path in self._by_age() if _step_of(path) == step])

    def _first_whole(self, paths: Iterable[Path]) -> Found | None:
        for path in paths:
            sha256 = sha256_of(path)
            if sha256.startswith(path.stem.rpartition("-")[2]):
                return Found(path, _step_of(path), sha256)
            self._torn.add(path)
            log.warning(
                "%s is torn: its digest is not the one in its name; it is passed over, and goes with the next save",
                path,
            )
        return None

    def load(self, path: Path) -> dict[str, Any]:
        """The state in a checkpoint, on the CPU. Raises BadInput with CheckpointMismatch where the checkpoint has
        another run or another format."""
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] != FORMAT:
            raise BadInput(
                Reason.CHECKPOINT_MISMATCH,
                f"{path} has the format {state['format']}, and this image reads {FORMAT}: go on with the image that "
                "wrote it, or move its folder away to train from the start",
            )
        if state["run"] != self._run:
            raise BadInput(
                Reason.CHECKPOINT_MISMATCH,
                f"{path} belongs to another training (run {state['run'][:12]}, this is {self._run[:12]}): "
                "name another claim or output folder, or move this one away",
            )
        return state

    def _by_age(self) -> list[Path]:
        """The checkpoints, the newest first; of several of one step, the one written last comes first."""
        paths = [path for path in self._folder.glob("checkpoint-*.pt") if NAME.match(path.name)]
        return sorted(paths, key=lambda path: (path.name[:20], path.stat().st_mtime_ns), reverse=True)

    def _remove_unfinished(self) -> None:
        """Remove files that a killed process left unfinished."""
        own = f".{os.getpid()}.tmp"
        unfinished = (path for path in self._folder.glob(".*.tmp") if not path.name.endswith(own))
        for path in (*unfinished, *self._folder.glob("checkpoint-*.staged")):
            path.unlink(missing_ok=True)
