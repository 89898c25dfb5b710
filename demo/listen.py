"""Speaks to a service over HTTP as any client would, and has a recogniser write down what it hears."""

from __future__ import annotations

from pathlib import Path

import httpx

from tts_workloads.quality import recognise

GREETING = "Hello, and welcome. You are listening to a voice that was trained and served by Kubernetes."
GREETING_HERE = "Hello, and welcome. You are listening to a voice that was trained and served on this machine."


def speak(url: str, folder: Path, greeting: str = GREETING) -> None:
    """Have the service at ``url`` speak a greeting and the sentences of the recogniser's test into WAV files.

    Each WAV file gets its text beside it, in a file of the same name. Raises httpx.HTTPError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(base_url=url, timeout=60) as client:
        model = client.get("/v1/models").raise_for_status().json()["data"][0]["id"]
        for name, text in {"greeting": greeting, **recognise.sentences()}.items():
            request = {"model": model, "voice": "default", "input": text, "response_format": "wav"}
            spoken = client.post("/v1/audio/speech", json=request).raise_for_status().content
            (folder / f"{name}.wav").write_bytes(spoken)
            (folder / f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")


def hear(folder: Path) -> list[recognise.Heard]:
    """Return what the recogniser hears in the WAV files that ``speak`` wrote, the greeting left out."""
    return recognise.heard_in(folder)
