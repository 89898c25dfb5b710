"""Every format, whole and streamed, through the server and OpenAI's client: FFmpeg decodes it to the same sound, and a
recogniser understands it as well as the recording that was spoken."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import openai
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from demo import corpus
from tests.integration.recording_voice import Recording
from tests.unit.workloads import tiny_voice
from tests.unit.workloads.live_server import live
from tts_api.resources.service import Limits
from tts_api.voice import VocoderCard
from tts_workloads.quality.error_rates import edit_distance, plain_words
from tts_workloads.quality.recognise import transcribe
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.encoding import FORMATS, PCM_SAMPLE_RATE
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice

RATE = tiny_voice.SAMPLE_RATE
SECONDS = 12.0
MOST_PADDING_SECONDS = 0.15
"""What codecs add before and behind."""
LEAST_LIKENESS = {"mp3": 0.95, "aac": 0.95, "opus": 0.9, "flac": 0.999, "wav": 0.999, "pcm": 0.999}
"""Correlation with the recording where they agree best; Opus at 32 kbit/s shapes the sound anew."""

Sound = NDArray[np.float32]


@pytest.fixture(scope="module")
def recording() -> Sound:
    """Prompts of some words each, one behind the other."""
    clips: list[Sound] = []
    for path in sorted((corpus.prepare() / "wavs").glob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE
        if 2.5 < len(samples) / rate < 5.0 and sum(map(len, clips)) < SECONDS * RATE:
            clips += [samples, np.zeros(RATE // 2, np.float32)]
    return np.concatenate(clips)


@pytest.fixture(scope="module")
def words(recording: Sound) -> list[str]:
    """What the recogniser hears in the recording itself."""
    heard = plain_words(transcribe(recording))
    assert len(heard) >= 15
    return heard


@pytest.fixture(scope="module")
def client(recording: Sound, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    module = Recording(torch.from_numpy(recording))
    file: Path = tmp_path_factory.mktemp("voice") / "voice.pt"
    tiny_voice.write(file, module, vocoder=VocoderCard(receptive_field_frames=0))
    with live(Service("recording", Limits()), LoadedVoice(file, None, torch.device("cpu"))) as url:
        yield openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def decoded(content: bytes, name: str) -> Sound:
    """What FFmpeg hears in it, at the recording's rate."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    options = {"format": "s16le", "options": {"sample_rate": str(PCM_SAMPLE_RATE)}} if name == "pcm" else {}
    with av.open(io.BytesIO(content), **options) as container:
        pieces = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate([piece.to_ndarray()[0] for piece in [*pieces, *resampler.resample(None)]])


def likeness(one: Sound, other: Sound) -> float:
    """Their correlation where they agree best."""
    size = len(one) + len(other)
    overlap = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(other, size).conj())
    return float(overlap.max() / np.sqrt((one**2).sum() * (other**2).sum()))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", list(FORMATS))
def test_it_is_the_same_sound_and_is_understood(
    client: openai.OpenAI, recording: Sound, words: list[str], name: str, streamed: bool
) -> None:
    ask = {"model": "recording", "voice": "default", "input": "Say it.", "response_format": name}
    if streamed:
        with client.audio.speech.with_streaming_response.create(**ask) as answer:
            pieces = list(answer.iter_bytes(1024))
        assert len(pieces) > 10
        content = b"".join(pieces)
    else:
        content = client.audio.speech.create(**ask).content
    sound = decoded(content, name)
    assert abs(len(sound) - len(recording)) <= MOST_PADDING_SECONDS * RATE
    assert likeness(sound, recording) > LEAST_LIKENESS[name]
    heard = plain_words(transcribe(sound))
    assert edit_distance(words, heard) <= len(words) // 10, " ".join(heard)


async def heard_by_the_asynchronous_client(client: openai.OpenAI, **ask: Any) -> bytes:
    async with (
        openai.AsyncOpenAI(base_url=client.base_url, api_key="none", max_retries=0) as other,
        other.audio.speech.with_streaming_response.create(**ask) as answer,
    ):
        return b"".join([piece async for piece in answer.iter_bytes(1024)])


@pytest.mark.parametrize("kind", ["OpenAI", "AsyncOpenAI"])
@pytest.mark.parametrize("name", ["mp3", "wav", "pcm"])
def test_events_and_the_asynchronous_client_bring_the_same_bytes(client: openai.OpenAI, kind: str, name: str) -> None:
    ask: Any = {"model": "recording", "voice": "default", "input": "Say it.", "response_format": name}
    whole = client.audio.speech.create(**ask).content
    told = ask | {"stream_format": "sse"}
    if kind == "OpenAI":
        with client.audio.speech.with_streaming_response.create(**told) as answer:
            lines = list(answer.iter_lines())
    else:
        assert asyncio.run(heard_by_the_asynchronous_client(client, **ask)) == whole
        lines = asyncio.run(heard_by_the_asynchronous_client(client, **told)).decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    assert [event["type"] for event in events].count("speech.audio.done") == 1
    assert events[-1]["type"] == "speech.audio.done"
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == whole
