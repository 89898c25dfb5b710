"""The page that the demo leaves: it plays every sample and shows what was measured, and opens without a server.

It is made from what is in the demo's folder; recordings and pictures are named by relative paths. What comes from a
file or from a recogniser is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from demo.steps import Row, clock
from tts_workloads.quality.recognise import Heard, rates

PAGE = "index.html"
_PICTURES = {
    "alignment.png": "Which symbol is heard when, in a clip that the voice was not trained on: what has learned its "
    "words shows one line.",
    "loss.png": "The loss over the steps. The acoustic model and the vocoder have losses of their own, on scales of "
    "their own.",
    "mel.png": "The same clip as mel bands: recorded above, as the voice says it below.",
}
_MEASURES = {
    "clips": ("Clips that it was not trained on", ""),
    "wordErrorRate": ("Word error rate on these", "share"),
    "recordedWordErrorRate": ("Word error rate on their recordings", "share"),
    "opinionScore": ("Predicted opinion, 1 to 5", ""),
    "recordedOpinionScore": ("Predicted opinion of the recordings", ""),
    "copiedOpinionScore": ("Predicted opinion of copy synthesis", ""),
    "speakerSimilarity": ("Similarity to the speaker, 0 to 1", ""),
    "recordedSpeakerSimilarity": ("Similarity of the speaker's recordings to each other", ""),
    "pitchSpread": ("Spread of pitch, 1 as recorded", ""),
    "durationSpread": ("Spread of durations, 1 as recorded", ""),
    "melCepstralDistortion": ("Mel-cepstral distortion", "dB"),
    "pitchErrorCents": ("Pitch error", "cents"),
    "realTimeFactor": ("Seconds of computing for a second of speech", ""),
}


@dataclass(frozen=True)
class Facts:
    """What the page tells besides what is in the folder. ``left_out`` is empty where pods ran."""

    rows: Sequence[Row]
    seconds: float
    heard: Sequence[Heard]
    greeting: str
    commands: Sequence[str]
    transcripts: Mapping[str, str]
    left_out: str = ""


def write(folder: Path, facts: Facts) -> Path:
    """Write the page of the demo's ``folder`` and return its path."""
    card = _json(folder / "report/voice.json")
    template = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    sections = [
        _section("", _left_out(facts.left_out)),
        _section("Listen", _greeting(facts)),
        _section("What a recogniser understands", _rates(facts.heard)),
        _section("Speak with it", _commands(facts.commands)),
        _section("Beside the recordings", _held_out(folder, facts.transcripts)),
        _section("Seen", _pictures(folder)),
        _section("The voice", _facts(card)),
        _section("Every sample", _samples(facts.heard)),
        _section("Times", _times(facts)),
    ]
    page = Template(template).substitute(
        name=escape(str(card.get("name", "The voice"))),
        summary=escape(_summary(card)),
        sections="\n".join(filter(None, sections)),
    )
    path = folder / PAGE
    path.write_text(page, encoding="utf-8")
    return path


def _summary(card: Mapping[str, Any]) -> str:
    made = card.get("provenance", {})
    if not made:
        return ""
    return (
        f"A voice from {made.get('seconds', 0) / 60:.1f} minutes of speech, trained for {made.get('steps', 0)} steps."
    )


def _section(title: str, body: Iterable[str]) -> str:
    inside = "\n".join(body)
    heading = f"<h2>{escape(title)}</h2>\n" if title else ""
    return f"<section>{heading}{inside}\n</section>" if inside else ""


def _left_out(sentence: str) -> Iterator[str]:
    if sentence:
        yield f"<p><strong>{escape(sentence)}</strong></p>"


def _audio(path: str) -> str:
    return f'<audio controls preload="none" src="{escape(quote(path))}"></audio>'


def _greeting(facts: Facts) -> Iterator[str]:
    yield f'<div class="hero">{_audio("speech/greeting.wav")}{escape(facts.greeting)}</div>'


def _rates(heard: Sequence[Heard]) -> Iterator[str]:
    if not heard:
        return
    found = "".join(f"<div><b>{rate:.1%}</b>word errors, {escape(kind)}</div>" for kind, rate in rates(heard).items())
    yield f'<div class="rates">{found}</div>'
    yield '<p class="quiet">Whisper tiny.en wrote down what it heard, offline, on the machine that ran the demo.</p>'


def _samples(heard: Sequence[Heard]) -> Iterator[str]:
    for kind in dict.fromkeys(one.kind for one in heard):
        own = [one for one in heard if one.kind == kind]
        cards = "\n".join(map(_sample, own))
        right = sum(one.words[0] == 0 for one in own)
        title = f"{len(own)} {escape(kind)}, {right} of them understood word by word"
        yield f"<details open><summary>{title}</summary>\n<div class=cards>{cards}</div></details>"


def _sample(one: Heard) -> str:
    errors, words = one.words
    verdict = (
        f'<span class="wrong">{errors} of {words} words misheard</span>'
        if errors
        else '<span class="right">every word understood</span>'
    )
    return (
        f"<figure>{escape(one.said)}{_audio(f'speech/{one.name}.wav')}"
        f"<small>heard: {escape(one.heard) or '(nothing)'}</small><small>{verdict}</small></figure>"
    )


def _held_out(folder: Path, transcripts: Mapping[str, str]) -> Iterator[str]:
    cards = []
    for spoken in sorted((folder / "report/samples").glob("*-spoken.wav")):
        name = spoken.stem.removesuffix("-spoken")
        both = "".join(
            f"<small>{title}</small>{_audio(f'report/samples/{name}-{kind}.wav')}"
            for title, kind in (("the voice", "spoken"), ("recorded", "recorded"))
            if spoken.with_name(f"{name}-{kind}.wav").exists()
        )
        cards.append(f"<figure>{escape(transcripts.get(name, name))}{both}</figure>")
    if cards:
        yield '<p class="quiet">Clips of the corpus that the voice was not trained on.</p>'
        yield f"<div class=cards>{''.join(cards)}</div>"


def _pictures(folder: Path) -> Iterator[str]:
    for name, words in _PICTURES.items():
        if (folder / "report" / name).exists():
            picture = f'<img alt="{escape(words)}" src="report/{name}">'
            yield f"<figure class=picture>{picture}<figcaption>{escape(words)}</figcaption></figure>"
    if (folder / "report/index.html").exists():
        yield '<p><a href="report/index.html">The report of the training</a> has everything that it measured.</p>'


def _facts(card: Mapping[str, Any]) -> Iterator[str]:
    if not card:
        return
    made, quality = card.get("provenance", {}), card.get("evaluation") or {}
    model = card.get("model", {})
    rows = [
        ("Speaks", ", ".join(card.get("languages", []))),
        ("Sample rate", f"{card.get('audio', {}).get('sampleRate', '')} Hz"),
        ("Acoustic model", model.get("acoustic", {}).get("architecture", "")),
        ("Vocoder", model.get("vocoder", {}).get("architecture", "")),
        ("Trained on", f"{made.get('clips', '')} clips, {made.get('seconds', 0) / 60:.1f} minutes"),
        ("Steps", str(made.get("steps", ""))),
        ("Written", f"{made.get('createdAt', '')} by PyTorch {made.get('torch', '')}"),
    ]
    rows += [
        (words, _measure(quality[name], unit))
        for name, (words, unit) in _MEASURES.items()
        if quality.get(name) is not None
    ]
    yield _list(rows)


def _measure(value: float, unit: str) -> str:
    return f"{value:.1%}" if unit == "share" else f"{value:g} {unit}".strip()


def _times(facts: Facts) -> Iterator[str]:
    if facts.rows:
        rows = [(row.name, clock(row.seconds)) for row in facts.rows]
        yield _list([*rows, ("Together, until this page", clock(facts.seconds))])


def _commands(commands: Sequence[str]) -> Iterator[str]:
    if commands:
        yield f"<pre>{escape(chr(10).join(commands))}</pre>"


def _list(rows: Iterable[tuple[str, str]]) -> str:
    inside = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f"<dl>{inside}</dl>"


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
