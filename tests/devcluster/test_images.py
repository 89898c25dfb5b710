"""What building images leaves: nothing outside the cache, and each blob once in it."""

from pathlib import Path

import pytest

from devcluster import images, seed
from devcluster.images import Image


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("somebody_elses", [None, "cache/file", "storage"], ids=["alone", "in it", "beside it"])
def test_buildahs_folder_goes_unless_somebody_else_uses_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, somebody_elses: str | None
) -> None:
    folder = tmp_path / "containers"
    if somebody_elses:
        (folder / somebody_elses).mkdir(parents=True)

    def built(recipe: images._Recipe) -> Image:
        (folder / "cache").mkdir(parents=True, exist_ok=True)
        return Image(recipe.role, b"")

    monkeypatch.setattr(images, "_BUILDAH_CACHE", folder / "cache")
    monkeypatch.setattr(images, "_image", built)
    monkeypatch.setattr(images.os, "geteuid", lambda: 0)
    assert images.build() == images.Images("operator", "workload")
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else None
    assert left == {None: None, "cache/file": ["cache", "cache/file"], "storage": ["storage"]}[somebody_elses]


def test_a_blob_that_the_image_store_has_too_is_one_file(tmp_path: Path) -> None:
    store = tmp_path / "containerd"
    stored = store / "io.containerd.content.v1.content/blobs/sha256"
    for folder in (stored, images.blob_folder()):
        folder.mkdir(parents=True)
        (folder / "both").write_text("content")
    (stored / "only-stored").write_text("content")
    (images.blob_folder() / "only-here").write_text("content")
    (images.blob_folder() / "both.link").write_text("left by one that was killed")
    seed._share_blobs(store)
    assert (images.blob_folder() / "both").samefile(stored / "both")
    assert sorted(path.name for path in images.blob_folder().iterdir()) == ["both", "only-here"]
    assert sorted(path.name for path in stored.iterdir()) == ["both", "only-stored"]
