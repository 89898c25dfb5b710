"""What is told of disk and time: what is missing, whether there is room for it, how long each part took."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from devcluster import parts, space, timing
from devcluster.cache import cache_folder
from devcluster.commands import PartsError
from devcluster.space import Need

_NEEDS = [Need("programs", 0.3), Need("images", 5.5)]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_from_an_empty_cache_everything_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "user_has_modules", lambda: False)
    everything = [need.part for need in space.needed(images_too=True, lock="demo")]
    assert len(everything) == len(set(everything)) == 6
    without_images = [need.part for need in space.needed(images_too=False, lock="demo")]
    assert len(without_images) == 5
    assert len(space.needed(programs_too=False, images_too=False, lock="dev")) == 2
    assert not cache_folder().exists()


@pytest.mark.parametrize("lock", ["demo", "dev"])
def test_only_a_complete_environment_of_this_lock_counts(lock: str, tmp_path: Path) -> None:
    def is_missing() -> bool:
        return "Python packages" in [need.part for need in space.needed(images_too=False, lock=lock)]

    other = "dev" if lock == "demo" else "demo"
    space.environment_folder(other).mkdir(parents=True)
    (space.environment_folder(other) / ".complete").touch()
    space.environment_folder(lock).mkdir(parents=True)
    assert is_missing()
    (space.environment_folder(lock) / ".complete").touch()
    assert not is_missing()


@pytest.mark.parametrize("free", [5.9, 1000], ids=["just enough", "plenty"])
def test_where_there_is_room_one_line_says_so(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=free * 1e9))
    line = space.check(_NEEDS)
    assert "5.8 GB" in line
    assert "images 5.5" in line


def test_where_there_is_no_room_the_message_names_folder_need_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=5.7e9))
    with pytest.raises(PartsError, match=r"5\.7 GB free and needs 5\.8 GB .*XDG_CACHE_HOME") as raised:
        space.check(_NEEDS)
    assert str(cache_folder()) in str(raised.value)


def test_a_file_with_two_names_takes_its_bytes_once() -> None:
    for folder in ("cluster/containerd-1", "images"):
        (cache_folder() / folder).mkdir(parents=True)
    blob = cache_folder() / "images/blob"
    blob.write_bytes(b"x" * 100_000)
    (cache_folder() / "cluster/containerd-1/blob").hardlink_to(blob)
    (cache_folder() / "images/other").write_bytes(b"x" * 100_000)
    taken = space.taken()
    assert set(taken) == {"containerd-1", "images"}
    assert sum(taken.values()) == 2 * blob.stat().st_blocks * 512


def test_parts_are_listed_as_they_began_and_failed_ones_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TTS_TIMES", str(tmp_path / "times"))
    assert timing.parts() == []
    with timing.timed("outer"):
        with timing.timed("inner"):
            pass
        with pytest.raises(OSError, match="full"), timing.timed("fails"):
            raise OSError("full")
    assert [part.name for part in timing.parts()] == ["outer", "inner"]


def test_without_a_table_nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TTS_TIMES", raising=False)
    with timing.timed("part"):
        pass
    assert timing.parts() == []
    assert list(tmp_path.iterdir()) == []
