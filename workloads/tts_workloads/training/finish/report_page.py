"""The report of a finished training as one page of HTML that needs no other file: quality, samples to listen to,
curves, alignment, the corpus and the configuration. Made from what the report's folder holds."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from tts_api.report import Evaluation
from tts_api.voice import CARD_FILE, VoiceCard
from tts_workloads.training.finish.plain_numbers import plain

PAGE = "index.html"
PICTURES = {
    "loss.png": "Loss over the steps: what was trained on, and the held-out clips.",
    "alignment.png": "Which symbol is heard when, in a held-out clip: what has learned its words shows one line.",
    "mel.png": "A held-out clip as mel frames: recorded above, as the voice says it below.",
}
"""Pictures that a report may hold, and their captions."""
UNITS = {"cents": "cents", "milliseconds": "ms", "distortion": "dB"}
"""Units by the end of a measure's name."""


def page(report: Path, run: dict[str, Any], transcripts: dict[str, str]) -> str:
    """The page of the report in a folder. ``run`` is the run document; ``transcripts`` are the texts of the samples by
    the samples' names. Pictures and samples that do not exist are left out."""
    card = VoiceCard.model_validate_json((report / CARD_FILE).read_text())
    template = files("tts_workloads.training.finish").joinpath("report_page.html").read_text(encoding="utf-8")
    sections = [
        _section("Quality on clips that it was not trained on", _quality(card.evaluation)),
        _section("Listen", _samples(report / "samples", transcripts)),
        _section("Seen", _pictures(report)),
        _section("Corpus", _table(_flat(_json(report / "corpus.json")))),
        _section("Configuration", _table(_flat(run))),
        _section("Provenance", _table(_flat(card.provenance.model_dump(by_alias=True, exclude_none=True)))),
    ]
    made = card.provenance
    trained_on = f"{made.clips} clips, {plain(round(made.seconds / 60, 1))} minutes, {made.steps} steps"
    summary = f"{', '.join(card.languages)}; trained on {trained_on}"
    return Template(template).substitute(
        name=escape(card.name), summary=escape(summary), sections="\n".join(filter(None, sections))
    )


def _section(title: str, body: Iterable[str]) -> str:
    inside = "\n".join(body)
    return f"<section><h2>{escape(title)}</h2>\n{inside}\n</section>" if inside else ""


def _quality(evaluation: Evaluation | None) -> Iterator[str]:
    if evaluation is None:
        return
    rows = []
    for name, value in evaluation.model_dump(exclude_none=True).items():
        unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
        meaning = Evaluation.model_fields[name].description or ""
        words = name.removesuffix("_cents").removesuffix("_milliseconds").replace("_", " ")
        rows.append(
            f"<tr><th>{escape(words)}</th><td>{plain(value)} {unit}</td><td class=note>{escape(meaning)}</td></tr>"
        )
    yield f"<table>{''.join(rows)}</table>"


def _samples(folder: Path, transcripts: dict[str, str]) -> Iterator[str]:
    for spoken in sorted(folder.glob("*-spoken.wav")):
        name = spoken.stem.removesuffix("-spoken")
        yield f"<figure><figcaption>{escape(transcripts.get(name, name))}</figcaption>"
        for title, path in (("the voice", spoken), ("recorded", spoken.with_name(f"{name}-recorded.wav"))):
            if path.exists():
                yield f"<label>{title} <audio controls preload=none src='{_data(path, 'audio/wav')}'></audio></label>"
        yield "</figure>"


def _pictures(report: Path) -> Iterator[str]:
    for name, words in PICTURES.items():
        if (report / name).exists():
            source = _data(report / name, "image/png")
            yield f"<figure><img alt='{escape(words)}' src='{source}'><figcaption>{escape(words)}</figcaption></figure>"


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    inside = "".join(f"<tr><th>{_path(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    if inside:
        yield f"<table>{inside}</table>"


def _path(name: str) -> str:
    """The path of a member, which may break after each dot."""
    return escape(name).replace(".", ".<wbr>")


def _flat(document: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a document with their paths."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from _flat(value, f"{path}.{name}" if path else str(name))
    elif isinstance(document, list) and any(isinstance(one, dict | list) for one in document):
        for place, value in enumerate(document):
            yield from _flat(value, f"{path}[{place}]")
    elif document not in (None, "", [], {}):
        yield path, ", ".join(map(_shown, document)) if isinstance(document, list) else _shown(document)


def _shown(leaf: Any) -> str:
    if isinstance(leaf, bool):
        return "yes" if leaf else "no"
    return plain(leaf) if isinstance(leaf, float) else str(leaf)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _data(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
