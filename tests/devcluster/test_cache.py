"""The cache under bad conditions: killed builds, several builders at once, changed ingredients."""

import multiprocessing
import time
from pathlib import Path

import pytest

from devcluster.cache import built_once, cache_folder, content_key


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_key_changes_with_any_name_or_content_and_not_with_bytecode(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    keys = []
    for name, content in (("a", "1"), ("a", "2"), ("b", "2")):
        (folder / name).write_text(content)
        keys.append(content_key(folder))
    assert len(set(keys)) == 3
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/a.pyc").write_text("compiled")
    assert content_key(folder) == keys[-1]
    assert content_key("ab", "c") != content_key("a", "bc")


def test_what_a_killed_build_left_is_neither_used_nor_kept() -> None:
    rubbish = cache_folder() / "cluster/thing-1.unfinished"
    rubbish.mkdir(parents=True)
    (rubbish / "half").touch()
    built = built_once("thing", "1", lambda folder: (folder / "whole").touch())
    assert [path.name for path in built.iterdir()] == ["whole"]
    assert not rubbish.exists()


def test_a_build_that_fails_leaves_nothing_that_counts() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        built_once("thing", "1", fail)
    built = built_once("thing", "1", lambda folder: (folder / "whole").touch())
    assert [path.name for path in built.iterdir()] == ["whole"]


def test_builders_at_the_same_time_build_once(tmp_path: Path) -> None:
    builders = [multiprocessing.Process(target=_build_slowly, args=(tmp_path / "builds",)) for _ in range(4)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert [builder.exitcode for builder in builders] == [0] * 4
    assert (tmp_path / "builds").read_text() == "built\n"


def _build_slowly(record: Path) -> None:
    def build(folder: Path) -> None:
        time.sleep(0.2)  # so that the others come while it builds
        with record.open("a") as file:
            file.write("built\n")

    built_once("thing", "1", build)
