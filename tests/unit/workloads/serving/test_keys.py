"""API keys: who is let in, and that a changed Secret needs no restart."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tts_api.resources.service import Limits
from tts_workloads.serving.http.api_keys import READ_SECONDS, ApiKeyFolder
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service

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
    assert (ApiKeyFolder(tmp_path).holder(header) is not None) is allowed


def test_a_key_is_known_by_the_name_of_its_entry(tmp_path: Path) -> None:
    mounted(tmp_path, "1", anna=SECRET, bert="sk-of-bert")
    assert ApiKeyFolder(tmp_path).holder(f"Bearer {SECRET}") == "anna"


def test_a_changed_secret_needs_no_restart(tmp_path: Path) -> None:
    clock = Clock()
    mounted(tmp_path, "1", anna=SECRET)
    keys = ApiKeyFolder(tmp_path, clock)
    mounted(tmp_path, "2", bert="sk-of-bert")
    clock.now += READ_SECONDS
    assert keys.holder(f"Bearer {SECRET}") is None
    assert keys.holder("Bearer sk-of-bert") == "bert"


def test_keys_that_cannot_be_read_again_stay_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock, folder = Clock(), tmp_path / "keys"
    mounted(folder, "1", anna=SECRET)
    keys = ApiKeyFolder(folder, clock)
    folder.rename(tmp_path / "elsewhere")
    clock.now += READ_SECONDS
    assert keys.holder(f"Bearer {SECRET}") == "anna"
    assert "cannot be read again" in caplog.text
    assert SECRET not in caplog.text


def test_the_api_asks_for_a_key_and_the_probes_do_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mounted(tmp_path, "1", anna=SECRET)
    with TestClient(make_app(Service("tones", Limits(), keys=ApiKeyFolder(tmp_path)))) as client:
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
    named = [getattr(record, "key", None) for record in caplog.records if getattr(record, "event", None) == "request"]
    assert named == [None, None, None, "anna"]


def test_one_key_does_not_take_all_places(tmp_path: Path) -> None:
    mounted(tmp_path, "1", anna=SECRET, bert="sk-of-bert")
    service = Service("tones", Limits(max_concurrent_requests=3), keys=ApiKeyFolder(tmp_path), most_per_key=2)
    places = [service.enter("anna") for _ in range(2)]
    with TestClient(make_app(service)) as client:

        def ask(key: str) -> tuple[int, str]:
            answer = client.post("/v1/audio/speech", content=b"{}", headers={"Authorization": f"Bearer {key}"})
            return answer.status_code, answer.json()["error"]["message"]

        status, message = ask(SECRET)
        assert status == 429
        assert "the key 'anna' has 2 requests in progress" in message
        assert SECRET not in message
        assert ask("sk-of-bert")[0] == 503, "bert is let in: the voice is not loaded yet"
        places.append(service.enter("bert"))
        status, message = ask("sk-of-bert")
        assert (status, "too many requests at the same time" in message) == (429, True)
        for place in places:
            place.end(200)
        assert ask(SECRET)[0] == 503
    assert service.in_progress == 0
