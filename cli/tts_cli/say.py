"""Speaks a text through a voice's file in this process, or through a service. Both take the same request over the same
HTTP API (``docs/api.md``): for a file, the server's application is called without a network."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, cast

import httpx

from tts_cli.failure import Failure, needs, refused
from tts_cli.importing import voice_file

ROUTE = "/v1/audio/speech"
FORMATS = ("wav", "mp3", "opus", "aac", "flac", "pcm")
SUFFIXES = {f".{name}": name for name in FORMATS} | {".ogg": "opus"}
LOADING_SECONDS = 60.0
"""How long a service may still load its voice."""
LONGEST_TEXT = 100_000
"""Characters that a voice's file speaks at most."""


def format_of(output: Path | None, given: str | None) -> str:
    """Return the format of the sound: the given one, else the one of the file's suffix, else wav.

    Raises Failure where there is no such format.
    """
    if given is not None:
        if given not in FORMATS:
            raise refused(f"--format {given}: there is no such format; there are {', '.join(FORMATS)}")
        return given
    if output is None or not output.suffix:
        return "wav"
    if output.suffix.lower() not in SUFFIXES:
        raise refused(f"-o {output}: the suffix names no format; there are {', '.join(SUFFIXES)}, or give --format")
    return SUFFIXES[output.suffix.lower()]


async def say(
    request: dict[str, object], output: Path | None, *, voice: Path | None, address: str | None, key: str | None
) -> None:
    """Speak the request into the file, or to standard output where that is None. Raises Failure."""
    if (voice is None) == (address is None):
        raise refused("give one of --voice FILE and --address URL")
    client = _of_file(voice_file(voice)) if voice is not None else _of_address(str(address), key)
    where = str(voice or address)
    try:
        async with client as speaker:
            if output is None:
                await _speak(speaker, request, sys.stdout.buffer, where)
                return
            unfinished = output.with_name(f".{output.name}.tmp")
            try:
                with unfinished.open("wb") as file:
                    await _speak(speaker, request, file, where)
                unfinished.replace(output)
            finally:
                unfinished.unlink(missing_ok=True)
    except httpx.ConnectError:
        raise Failure(f"nothing answers at {where}: start a service with tts serve, or correct --address") from None
    except httpx.HTTPError as error:
        raise Failure(f"{where} broke off: {error or type(error).__name__}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise refused(f"-o {output} cannot be written: {error.strerror}") from None


async def _speak(client: httpx.AsyncClient, request: dict[str, object], file: BinaryIO, where: str) -> None:
    deadline = time.monotonic() + LOADING_SECONDS
    while True:
        async with client.stream("POST", ROUTE, json=request) as answer:
            if answer.is_success:
                async for piece in answer.aiter_bytes():
                    file.write(piece)
                return
            await answer.aread()
            code, message = _refusal(answer)
        if code != "loading" or time.monotonic() > deadline:
            break
        await asyncio.sleep(1.0)
    if answer.status_code == 401:
        raise refused(f"{where} refuses the request: {message}. Set TTS_API_KEY to a key that it knows")
    bad = answer.is_client_error and answer.status_code != 429
    raise (refused if bad else Failure)(f"{where} refuses the request: {message}")


def _refusal(answer: httpx.Response) -> tuple[str | None, str]:
    """The code and the words of an error, as OpenAI's API writes them."""
    try:
        error = answer.json()["error"]
        return error["code"], str(error["message"])
    except (ValueError, KeyError, TypeError):
        return None, f"{answer.status_code} {answer.reason_phrase}: it does not speak like a TTSService"


@asynccontextmanager
async def _of_address(address: str, key: str | None) -> AsyncIterator[httpx.AsyncClient]:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise refused(f"--address {address} is no URL: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise refused(f"--address {address} is no address of a service: it looks like http://127.0.0.1:8000")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(600, connect=10)
    async with httpx.AsyncClient(base_url=str(url).removesuffix(ROUTE), headers=headers, timeout=timeout) as client:
        yield client


@asynccontextmanager
async def _of_file(path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Load a voice and start the server's application over it. Raises Failure where there is no voice in the file."""
    if importlib.util.find_spec("torch") is None:
        raise needs("PyTorch", "cli,workloads,torch")
    import torch

    from tts_api.resources.service import Limits
    from tts_workloads.exits import BadInput
    from tts_workloads.serving.http.app import make_app
    from tts_workloads.serving.http.service import Service
    from tts_workloads.serving.synthesis.engines import load_voice

    try:
        voice = load_voice(path, None, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        speed = voice.warm_up()
    except BadInput as error:
        raise refused(f"--voice {path}: {error}") from None
    limits = Limits(max_input_characters=LONGEST_TEXT, max_queue_milliseconds=600_000, request_timeout_seconds=3600)
    service = Service(path.stem, limits)
    service.start(voice, speed)
    try:
        transport = httpx.ASGITransport(app=make_app(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://voice", timeout=3600) as client:
            yield client
    finally:
        if service.engine is not None:
            service.engine.close()


def text_of(words: list[str]) -> str:
    """Return the text to speak: the words, or standard input where they are a single ``-``. Raises Failure where there
    is none."""
    text = sys.stdin.read() if words == ["-"] else " ".join(words)
    if not text.strip():
        raise refused("there is no text to speak: give it as an argument, or - to read it from standard input")
    return text


def output_of(given: Path | None) -> Path | None:
    """Return the file to write; None for standard output, also where nothing was given and that is no terminal.

    Raises Failure where the file has no folder.
    """
    if given is not None and not given.parent.is_dir():
        raise refused(f"-o {given}: there is no folder {given.parent}: make it first")
    if given is not None:
        return None if str(given) == "-" else given
    return Path("speech.wav") if cast("bool", sys.stdout.isatty()) else None
