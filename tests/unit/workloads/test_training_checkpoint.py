"""Checkpoints are whole or absent, and only a run's own are continued."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from tts_workloads.ending import BadInput, StorageFull
from tts_workloads.files import sha256_of, write_whole
from tts_workloads.training.checkpoint import Checkpoints

STATE: dict[str, Any] = {"stage": "Acoustic", "model": {"weight": torch.arange(6.0)}, "place": {"step": 3}}


def make(root: Path, *, run: str = "a" * 64, keep: int = 2) -> Checkpoints:
    return Checkpoints(root / "voice", run_sha256=run, keep=keep, root=root)


def test_what_was_saved_is_found_and_described(tmp_path: Path) -> None:
    checkpoints = make(tmp_path)
    described = checkpoints.save(STATE, 3)
    found = checkpoints.newest()
    assert found is not None
    assert (found.step, found.sha256) == (3, described.sha256)
    assert described.path == f"voice/{found.path.name}"
    assert sha256_of(tmp_path / described.path) == described.sha256
    assert torch.equal(checkpoints.load(found.path)["model"]["weight"], STATE["model"]["weight"])


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    checkpoints = make(tmp_path, keep=2)
    for step in (1, 2, 10, 9):
        checkpoints.save(STATE, step)
    assert sorted(int(path.name.split("-")[1]) for path in (tmp_path / "voice").iterdir()) == [9, 10]


def test_a_torn_checkpoint_is_skipped_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = make(tmp_path)
    checkpoints.save(STATE, 1)
    torn = tmp_path / checkpoints.save(STATE, 2).path
    torn.write_bytes(torn.read_bytes()[:-100])
    found = checkpoints.newest()
    assert found is not None
    assert found.step == 1
    assert torn.name in caplog.text


def test_what_a_killed_process_left_is_not_found_and_goes_with_the_next_one(tmp_path: Path) -> None:
    checkpoints = make(tmp_path)
    (tmp_path / "voice").mkdir()
    for name in (".checkpoint-000000009.staged.77.tmp", "checkpoint-000000009.staged"):
        (tmp_path / "voice" / name).write_bytes(b"half")
    assert checkpoints.newest() is None
    checkpoints.save(STATE, 1)
    assert len(list((tmp_path / "voice").iterdir())) == 1


def test_a_checkpoint_of_another_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    make(tmp_path).save(STATE, 1)
    other = make(tmp_path, run="b" * 64)
    found = other.newest()
    assert found is not None
    with pytest.raises(BadInput, match=r"another training.*move") as refusal:
        other.load(found.path)
    assert refusal.value.reason == "CheckpointMismatch"


def test_loading_runs_no_code(tmp_path: Path) -> None:
    checkpoints = make(tmp_path)
    path = tmp_path / checkpoints.save(STATE | {"evil": Path("a")}, 1).path
    with pytest.raises(Exception, match="weights_only"):
        checkpoints.load(path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_volume_is_named_and_costs_nothing(tmp_path: Path, number: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def fill_up(file: Any) -> None:
        file.write(b"a")
        raise OSError(number, "no room")

    with pytest.raises(StorageFull, match="the checkpoint volume is full"):
        write_whole(path, fill_up)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"before"


def test_a_full_volume_is_recognised_through_torch(tmp_path: Path) -> None:
    with pytest.raises(StorageFull):
        write_whole(tmp_path / "file", lambda _: torch.save(STATE, _Full()))
    assert not list(tmp_path.iterdir())


class _Full:
    """A file on a volume that is full always."""

    def write(self, data: bytes) -> int:
        with Path("/dev/full").open("wb", buffering=0) as device:
            return device.write(data)
