"""Go's caches: the user's where they have Kubernetes already, else own ones that go once everything is compiled."""

import time
from pathlib import Path

import pytest

from devcluster import parts
from devcluster.cache import cache_folder


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _compile(variables: dict[str, str]) -> None:
    for name in ("GOCACHE", "GOMODCACHE"):
        Path(variables[name]).mkdir(parents=True, exist_ok=True)
        (Path(variables[name]) / "file").touch()


def test_a_user_who_has_kubernetes_keeps_his_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / f"k8s.io/kubernetes@{parts.KUBERNETES_VERSION}").mkdir(parents=True)
    monkeypatch.setattr(parts, "run", lambda _: f"{tmp_path}\n")
    with parts._go_caches("go") as variables:
        assert not {"GOCACHE", "GOMODCACHE"} & set(variables)


def test_own_caches_go_when_everything_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parts, "run", lambda _: f"{tmp_path / 'none'}\n")
    (cache_folder() / "go.rubbish-1").mkdir(parents=True)  # left by one that was killed
    with parts._go_caches("go") as variables:
        _compile(variables)
        assert {Path(variables[name]).parent for name in ("GOCACHE", "GOMODCACHE")} == {cache_folder() / "go"}
    assert not (cache_folder() / "go").exists()
    while any(cache_folder().iterdir()):
        time.sleep(0.05)


def test_own_caches_stay_when_compiling_fails_for_the_next_try(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parts, "run", lambda _: f"{tmp_path / 'none'}\n")

    def is_interrupted() -> None:
        with parts._go_caches("go") as variables:
            _compile(variables)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        is_interrupted()
    assert (cache_folder() / "go/build/file").exists()
