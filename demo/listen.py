"""Speaks to a service over HTTP as any client would, and measures how well a recogniser understands it."""

from __future__ import annotations

from pathlib import Path

import httpx
from rich.console import Console

from tts_workloads.quality import recognise

GREETING = "Hello, and welcome. You are listening to a voice that was trained and served by Kubernetes."


def speak(url: str, folder: Path) -> None:
    """Have the service at ``url`` speak a greeting and the sentences of the recogniser's test into WAV files."""
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(base_url=url, timeout=60) as client:
        model = client.get("/v1/models").raise_for_status().json()["data"][0]["id"]
        for name, text in {"greeting": GREETING, **recognise.sentences()}.items():
            request = {"model": model, "voice": "default", "input": text, "response_format": "wav"}
            (folder / f"{name}.wav").write_bytes(
                client.post("/v1/audio/speech", json=request).raise_for_status().content
            )


def measure(folder: Path, console: Console) -> None:
    """Print the word error rates of the WAV files that ``speak`` wrote."""
    for name, rate in recognise.word_error_rates(folder).items():
        console.print(f"  word error rate, {name}: [bold]{rate:.1%}[/bold]")
