"""API keys: who is let in, and that a changed Secret needs no restart."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tts_api.resources.service import Limits
from tts_workloads.serving.app import Service, make_app
from tts_workloads.serving.keys import READ_SECONDS, ApiKeys

SECRET = "sk-of-anna"


def mounted(folder: Path, version: str, **keys: str) -> None:
    """Write keys as the kubelet does: into a new folder, to which a link is then moved at once."""
    data = folder / f"..{version}"
    data.mkdir(parents=True)
    for name, key in keys.items():
        (data / name).write_text(f"{key}\n")
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    link = folder / "..new"
    link.symlink_to(data.name)
    link.replace(folder / "..data")
    for name in [path for path in folder.iterdir() if path.is_symlink() and not path.exists()]:
        name.unlink()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        (f"Bearer {SECRET}", True),
        (f"bearer  {SECRET} ", True),
        ("Bearer sk-of-bert", True),
        (f"Bearer {SECRET}x", False),
        ("Bearer ", False),
        ("Bearer", False),
        (SECRET, False),
        (f"Basic {SECRET}", False),
        ("Bearer sk-ünïcode", False),
        (None, False),
    ],
)
def test_who_is_let_in(tmp_path: Path, header: str | None, allowed: bool) -> None:
    mounted(tmp_path, "1", anna=SECRET, bert="sk-of-bert", empty="")
    assert ApiKeys(tmp_path).allows(header) is allowed


def test_a_changed_secret_needs_no_restart(tmp_path: Path) -> None:
    clock = Clock()
    mounted(tmp_path, "1", anna=SECRET)
    keys = ApiKeys(tmp_path, clock)
    mounted(tmp_path, "2", bert="sk-of-bert")
    clock.now += READ_SECONDS
    assert not keys.allows(f"Bearer {SECRET}")
    assert keys.allows("Bearer sk-of-bert")


def test_keys_that_cannot_be_read_again_stay_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock, folder = Clock(), tmp_path / "keys"
    mounted(folder, "1", anna=SECRET)
    keys = ApiKeys(folder, clock)
    folder.rename(tmp_path / "elsewhere")
    clock.now += READ_SECONDS
    assert keys.allows(f"Bearer {SECRET}")
    assert "cannot be read again" in caplog.text
    assert SECRET not in caplog.text


def test_the_api_asks_for_a_key_and_the_probes_do_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mounted(tmp_path, "1", anna=SECRET)
    with TestClient(make_app(Service("tones", Limits(), keys=ApiKeys(tmp_path)))) as client:
        for path in ("/v1/audio/speech", "/v1/models", "/v1/audio/voices"):
            answer = client.request("POST" if path.endswith("speech") else "GET", path)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_api_key"
            assert answer.headers["www-authenticate"] == "Bearer"
        headers = {"Authorization": f"Bearer {SECRET}"}
        assert client.get("/v1/models", headers=headers).status_code == 200
        assert client.get("/healthz").status_code == 200
        assert client.get("/metrics").status_code == 200
    assert SECRET not in caplog.text
