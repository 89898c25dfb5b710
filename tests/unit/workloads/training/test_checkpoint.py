"""Checkpoints are whole or absent, and only a run's own are continued."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from tts_workloads.exits import BadInput, StorageFull
from tts_workloads.files import sha256_of, write_whole
from tts_workloads.training.loop.checkpoint import FORMAT, Checkpoints

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


def steps(root: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in (root / "voice").iterdir())


def tear(path: Path) -> None:
    """Turn one bit of a file over."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    checkpoints = make(tmp_path, keep=2)
    for step in (1, 2, 9, 10):
        checkpoints.save(STATE, step)
    assert steps(tmp_path) == [9, 10]


def test_of_one_step_the_one_written_last_is_kept_and_counts_once(tmp_path: Path) -> None:
    checkpoints = make(tmp_path, keep=2)
    checkpoints.save(STATE, 1)
    checkpoints.save(STATE, 2)
    again = checkpoints.save(STATE | {"place": {"step": 4}}, 2)
    assert steps(tmp_path) == [1, 2]
    assert (tmp_path / again.path).exists()


@pytest.mark.parametrize(
    ("keep", "whole", "torn", "saved", "best", "left"),
    [
        (1, [], [500], [0], {0}, [0]),
        (1, [], [500], [0, 250], {0}, [0, 250]),
        (2, [500], [1000, 1500], [750], set(), [500, 750]),
        # Between two saves of the next process the torn ones are of earlier steps.
        (2, [500], [1000, 1500], [2000], set(), [500, 2000]),
        (2, [500], [1000], [1000], set(), [500, 1000]),
        (2, [500], [1000], [1500], {1000}, [500, 1500]),
    ],
)
def test_torn_checkpoints_take_no_place_of_those_that_are_kept(
    tmp_path: Path, keep: int, whole: list[int], torn: list[int], saved: list[int], best: set[int], left: list[int]
) -> None:
    before = make(tmp_path, keep=9)
    for step in (*whole, *torn):
        path = tmp_path / before.save(STATE, step).path
        if step in torn:
            tear(path)
    checkpoints = make(tmp_path, keep=keep)
    found = checkpoints.newest()
    assert (found.step if found else None) == max(whole, default=None)
    for step in saved:
        described = checkpoints.save(STATE, step, keep=best)
        assert sha256_of(tmp_path / described.path) == described.sha256
    assert steps(tmp_path) == left


def test_the_one_just_written_stays_where_nothing_was_looked_at_before(tmp_path: Path) -> None:
    tear(tmp_path / make(tmp_path).save(STATE, 500).path)
    checkpoints = make(tmp_path, keep=1)
    assert (tmp_path / checkpoints.save(STATE, 250).path).exists()
    assert steps(tmp_path) == [250]


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
    for name in (".checkpoint-000000009.staged.77.tmp", "checkpoint-000000009.staged", ".budget.json.77.tmp"):
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


def test_a_checkpoint_of_another_format_is_refused_with_both_numbers(tmp_path: Path) -> None:
    checkpoints = make(tmp_path)
    path = tmp_path / checkpoints.save(STATE, 1).path
    torch.save(torch.load(path, weights_only=True) | {"format": FORMAT + 5}, path)
    with pytest.raises(
        BadInput, match=rf"has the format {FORMAT + 5}, and this image reads {FORMAT}: go on"
    ) as refusal:
        checkpoints.load(path)
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
