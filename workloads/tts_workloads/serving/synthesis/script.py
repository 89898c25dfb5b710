"""Parses the markup in a request's input: pauses as ``[pause:1.5s]``, or a subset of SSML 1.1 (W3C).

``parse`` returns pieces of plain text and how each is spoken. ``http.speech_request`` cuts the pieces into sentences
and symbols; what depends on the language is asked of the front end."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from xml.etree import ElementTree as ET

from tts_workloads.text import FrontEnd, UnknownPhoneme

LONGEST_PAUSE_SECONDS = 10.0
MOST_PAUSE_SECONDS = 60.0
"""Most seconds of pauses in one request together."""
DEEPEST = 32
"""Most elements inside each other."""

STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
PITCHES = {"x-low": 0.7, "low": 0.85, "medium": 1.0, "default": 1.0, "high": 1.18, "x-high": 1.4}
VOLUMES = {
    "silent": -math.inf,
    "x-soft": -12.0,
    "soft": -6.0,
    "medium": 0.0,
    "default": 0.0,
    "loud": 6.0,
    "x-loud": 12.0,
}
"""Volumes by name, in decibels."""
RANGES = {"rate": (0.25, 4.0), "pitch": (0.5, 2.0), "volume": (-math.inf, 12.0)}

_SPACE = r"[\s\ufeff]*"
_DOCUMENT = re.compile(
    # Comments may come first; an XML declaration or a document type begin no text that anybody says.
    rf"{_SPACE}(?:<!--(?:(?!-->).)*-->\s*)*(?:<\?xml\b|<!DOCTYPE\b|<(?:[\w.-]+:)?speak(?=[\s/>]))",
    re.IGNORECASE | re.DOTALL,
)
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_MARK = re.compile(r"\[pause:([^\]]{0,20})\]", re.IGNORECASE)
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(s|ms)")
_DECIBELS = re.compile(r"[+-]\d{1,4}(?:\.\d{1,6})?dB")
_FACTOR = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,6})?)(%|st)?")


class MalformedScript(Exception):
    """The input's markup is wrong. The message is for the client."""


@dataclass(frozen=True)
class SsmlProsody:
    """How a piece of the text is spoken. Factors of 1 and 0 decibels are as the voice was trained."""

    rate: float = 1.0
    pitch: float = 1.0
    volume: float = 0.0
    """Decibels."""
    language: str | None = None


@dataclass(frozen=True)
class ScriptSegment:
    """A pause, or text to be spoken."""

    text: str = ""
    prosody: SsmlProsody = field(default_factory=SsmlProsody)
    pause_seconds: float = 0.0


@dataclass(frozen=True)
class Script:
    """A parsed input."""

    pieces: Sequence[ScriptSegment]
    front_end: FrontEnd
    """The front end that speaks the pieces: it knows the stand-ins for given phonemes."""
    replaced: dict[str, str] = field(default_factory=dict)
    """The words of the input by the stand-ins that replace them in the text."""

    def written(self, word: str) -> str:
        """Return a word of the text as it is in the input."""
        if not self.replaced:
            return word
        return self._stand_ins.sub(lambda found: self.replaced[found[0]], word)

    @cached_property
    def _stand_ins(self) -> re.Pattern[str]:
        # A longer stand-in may begin with a shorter one.
        return re.compile("|".join(map(re.escape, sorted(self.replaced, key=len, reverse=True))))


def parse(text: str, front_end: FrontEnd) -> Script:
    """Return the script in an input that this front end will speak. Raises MalformedScript."""
    script = _ssml(text, front_end) if _DOCUMENT.match(text) else Script(list(_marked(text)), front_end)
    if sum(piece.pause_seconds for piece in script.pieces) > MOST_PAUSE_SECONDS:
        raise MalformedScript(f"the pauses are longer than {MOST_PAUSE_SECONDS:g} s together")
    return script


def _marked(text: str) -> Iterator[ScriptSegment]:
    end = 0
    for mark in _MARK.finditer(text):
        yield ScriptSegment(text[end : mark.start()])
        yield ScriptSegment(pause_seconds=_seconds(mark[1].strip(), mark[0]))
        end = mark.end()
    yield ScriptSegment(text[end:])


def _ssml(text: str, front_end: FrontEnd) -> Script:
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise MalformedScript("SSML: a document type is not allowed; leave <!DOCTYPE ...> out")
    try:
        # Without a document type there are no entities that could grow, and nothing that is fetched.
        root = ET.fromstring(re.sub(rf"\A{_SPACE}", "", text))  # noqa: S314 - see above
    except ET.ParseError as error:
        raise MalformedScript(f"SSML: {error}") from None
    if _name(root.tag) != "speak":
        raise MalformedScript(f"SSML: the document is a <{_name(root.tag)}>; it has to be a <speak>")
    reader = _Reader(front_end)
    reader.read(root, SsmlProsody(), 0)
    reader.cut()
    spoken_by = front_end.with_words(reader.phonemes) if reader.phonemes else front_end
    return Script(reader.pieces, spoken_by, reader.replaced)


class _Reader:
    """Walks through the elements and collects the pieces. Text of the same prosody stays in one piece."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self.pieces: list[ScriptSegment] = []
        self.phonemes: dict[str, tuple[str, ...]] = {}
        """Given phonemes by the stand-ins for them."""
        self.replaced: dict[str, str] = {}
        """What is written there in the input."""
        self._text, self._prosody_now = "", SsmlProsody()
        self._elements: dict[str, Callable[[ET.Element, SsmlProsody, int], None]] = {
            "speak": self._inside,
            "p": self._paragraph,
            "s": self._paragraph,
            "break": self._break,
            "sub": self._substitute,
            "say-as": self._say_as,
            "phoneme": self._phoneme,
            "prosody": self._prosody,
            "lang": self._language,
        }

    def read(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        """Read an element and what is inside it. Raises MalformedScript."""
        if depth > DEEPEST:
            raise MalformedScript(f"SSML: more than {DEEPEST} elements are inside each other")
        name = _name(element.tag)
        if name not in self._elements:
            known = ", ".join(f"<{one}>" for one in self._elements)
            raise MalformedScript(f"SSML: <{name}> is not supported; supported are {known}")
        if (language := element.get(_LANGUAGE)) is not None:
            prosody = replace(prosody, language=language.lower() or None)
        self._elements[name](element, prosody, depth)

    def cut(self) -> None:
        """End the piece that is being collected."""
        if self._text.strip():
            self.pieces.append(ScriptSegment(self._text, self._prosody_now))
        self._text = ""

    def _say(self, text: str | None, prosody: SsmlProsody) -> None:
        if prosody != self._prosody_now:
            self.cut()
            self._prosody_now = prosody
        self._text += text or ""

    def _inside(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        self._say(element.text, prosody)
        for child in element:
            self.read(child, prosody, depth + 1)
            self._say(child.tail, prosody)

    def _paragraph(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        self.cut()
        self._inside(element, prosody, depth)
        self.cut()

    def _break(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        del prosody, depth
        self.cut()
        time, strength = element.get("time"), element.get("strength", "medium")
        if time is None and strength not in STRENGTHS:
            raise MalformedScript(f"SSML: <break strength={strength!r}>: it is one of {', '.join(STRENGTHS)}")
        seconds = STRENGTHS[strength] if time is None else _seconds(time, f'<break time="{time}">')
        self.pieces.append(ScriptSegment(pause_seconds=seconds))

    def _substitute(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        del depth
        self._say(_attribute(element, "alias"), prosody)

    def _say_as(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        del depth
        what, text = _attribute(element, "interpret-as"), "".join(element.itertext()).strip()
        if what in {"characters", "spell-out", "digits"}:
            text = self._front_end.spelled(text)
        elif what == "ordinal":
            if not text.isascii() or not text.isdigit():
                raise MalformedScript(f"SSML: <say-as interpret-as='ordinal'>: {text[:40]!r} is no whole number")
            text = self._front_end.ordinal(text)
        elif what not in {"cardinal", "number", "date", "time", "currency", "address", "telephone", "unit"}:
            raise MalformedScript(f"SSML: <say-as interpret-as={what!r}> is not supported")
        self._say(text, prosody)

    def _phoneme(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        del depth
        known, written = self._front_end.alphabets, _attribute(element, "ph")
        alphabet = element.get("alphabet", known[0])
        if alphabet not in known:
            raise MalformedScript(f"SSML: <phoneme alphabet={alphabet!r}> is not supported; {known[0]} is")
        if not written.strip():
            raise MalformedScript("SSML: <phoneme> has no phonemes in ph")
        try:
            phonemes = self._front_end.read_phonemes(written)
        except UnknownPhoneme as error:
            raise MalformedScript(f"SSML: {error}; there are {' '.join(self._front_end.named_phonemes())}") from None
        stand_in = self._front_end.stand_in(len(self.phonemes))
        self.phonemes[stand_in] = phonemes
        self.replaced[stand_in] = " ".join("".join(element.itertext()).split())
        self._say(stand_in, prosody)

    def _prosody(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        for name in element.keys():  # noqa: SIM118 - an element's length is that of its children
            if name not in RANGES:
                raise MalformedScript(f"SSML: <prosody {name}=...> is not supported; {', '.join(RANGES)} are")
        rate = prosody.rate * _factor("rate", element.get("rate", "default"), RATES)
        pitch = prosody.pitch * _factor("pitch", element.get("pitch", "default"), PITCHES)
        volume = prosody.volume + _decibels(element.get("volume", "default"))
        for name, value in (("rate", rate), ("pitch", pitch), ("volume", volume)):
            low, high = RANGES[name]
            if not low <= value <= high:
                raise MalformedScript(f"SSML: a {name} of {value:g} is out of range: {low:g} to {high:g}")
        self._inside(element, replace(prosody, rate=rate, pitch=pitch, volume=volume), depth)

    def _language(self, element: ET.Element, prosody: SsmlProsody, depth: int) -> None:
        if element.get(_LANGUAGE) is None:
            raise MalformedScript("SSML: <lang> has no xml:lang")
        self._inside(element, prosody, depth)


def _name(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _attribute(element: ET.Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise MalformedScript(f"SSML: <{_name(element.tag)}> has no {name}")
    return value


def _seconds(text: str, where: str) -> float:
    match = _TIME.fullmatch(text)
    if match is None:
        raise MalformedScript(f"{where}: a pause is as in 1.5s or 500ms")
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
    if seconds > LONGEST_PAUSE_SECONDS:
        raise MalformedScript(f"{where}: a pause has at most {LONGEST_PAUSE_SECONDS:g} s")
    return seconds


def _decibels(text: str) -> float:
    """Return a change of loudness in decibels, written as a word or as in +6dB or -3.5dB."""
    if text in VOLUMES:
        return VOLUMES[text]
    if _DECIBELS.fullmatch(text) is None:
        raise MalformedScript(f"SSML: <prosody volume={text!r}>: it is {', '.join(VOLUMES)}, or as in +6dB or -3.5dB")
    return float(text.removesuffix("dB"))


def _factor(name: str, text: str, words: dict[str, float]) -> float:
    """Return a relative change as a factor, written as a word or as in 120%, +20% or -3st."""
    if text in words:
        return words[text]
    match = _FACTOR.fullmatch(text)
    if match is None or (match[3] == "st" and name != "pitch"):
        known = f"{', '.join(words)}, or as in 120% or +20%" + (" or -3st" if name == "pitch" else "")
        raise MalformedScript(f"SSML: <prosody {name}={text!r}>: it is {known}")
    sign, number, unit = match.groups()
    value = float(number)
    if unit == "st":
        return float(2.0 ** ((-value if sign == "-" else value) / 12))
    if unit == "%":
        return 1 + (-value if sign == "-" else value) / 100 if sign else value / 100
    return value if not sign else 1 + (-value if sign == "-" else value)
