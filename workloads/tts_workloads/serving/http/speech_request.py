"""A speech request as OpenAI's clients send it, checked against what this voice can do. Nothing is silently ignored: a
field that cannot be honoured is refused by name. The answer is made in ``speech_response``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tts_api.voice import ServedCard
from tts_workloads.serving.http.errors import RequestError, no_such_model
from tts_workloads.serving.synthesis.encoding import DEFAULT_FORMAT, FORMATS, AudioFormat
from tts_workloads.serving.synthesis.script import MalformedScript, Script, SsmlProsody
from tts_workloads.serving.synthesis.script import parse as parse_script
from tts_workloads.serving.synthesis.sentence import Mixture, Sentence
from tts_workloads.text import FrontEnd, UnspeakableText, WordPlace

SLOWEST, FASTEST = 0.25, 4.0
DEFAULT_VOICE = "default"
"""The name under which every voice's first speaker answers."""


_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters and halves of surrogate pairs."""
_MIXED = re.compile(r"[+(]")
_WEIGHT = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
LONGEST_VOICE = 2000
"""Characters of a voice's name, or of a mixture."""
StreamFormat = Literal["audio", "sse", "json"]
"""The bytes of the sound, server-sent events that carry them, or (an addition to OpenAI's API) one JSON document."""
Granularity = Literal["word", "phoneme"]
"""What timestamps can be asked for."""


class VoiceReference(BaseModel):
    """A voice named as an object, as newer clients may."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str


class SpeechRequest(BaseModel):
    """The body of ``POST /v1/audio/speech``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input: str
    model: str | None = None
    voice: str | VoiceReference = DEFAULT_VOICE
    response_format: Annotated[str, Field(json_schema_extra={"enum": list(FORMATS)})] = DEFAULT_FORMAT
    speed: Annotated[float, Field(ge=SLOWEST, le=FASTEST, allow_inf_nan=False)] = 1.0
    instructions: str | None = None
    stream_format: StreamFormat = "audio"
    timestamp_granularities: list[Granularity] = []


@dataclass(frozen=True)
class CheckedRequest:
    """A request that was checked and can be honoured."""

    sentences: Sequence[Sentence]
    format_name: str
    answer: StreamFormat
    timestamps: frozenset[Granularity]
    characters: int

    @property
    def format(self) -> AudioFormat:
        """The format of the sound."""
        return FORMATS[self.format_name]

    @property
    def streams(self) -> bool:
        """Whether the answer begins before the last sentence is made."""
        return self.answer == "sse" or (self.answer == "audio" and self.format.streams)


def parse(body: bytes) -> SpeechRequest:
    """Return the request in a body, whatever its content type says. Raises RequestError."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError("the body is not JSON", code="invalid_json") from None
    if not isinstance(document, dict):
        raise RequestError("the body is not a JSON object", code="invalid_json")
    try:
        return SpeechRequest.model_validate(document)
    except ValidationError as error:
        errors = error.errors(include_input=False, include_url=False)
        first = max(errors, key=lambda one: len(one["loc"]))  # for a voice given as an object, the error inside it
        name = str(first["loc"][0]) if first["loc"] else None
        where = ".".join(map(str, [name or "the body", *first["loc"][2:]]))
        unknown = first["type"] == "extra_forbidden"
        message = f"unknown parameter: {where}" if unknown else f"{where}: {first['msg']}"
        raise RequestError(message, param=name, code="unknown_parameter" if unknown else "invalid_value") from None


def check(
    request: SpeechRequest, card: ServedCard, front_end: FrontEnd, model: str, most_characters: int
) -> CheckedRequest:
    """Return what is to be spoken and how. Raises RequestError with the field that cannot be honoured."""
    if request.model is not None and request.model != model:
        raise no_such_model(request.model, model)
    if request.response_format not in FORMATS:
        raise RequestError(
            f"response_format '{request.response_format}' is not supported; supported are {', '.join(FORMATS)}",
            param="response_format",
            code="unsupported_format",
        )
    if request.instructions:
        raise RequestError("this voice takes no instructions: leave the field out", param="instructions")
    if len(request.input) > most_characters:
        raise RequestError(
            f"input has {len(request.input)} characters; at most {most_characters} are allowed",
            param="input",
            code="string_above_max_length",
        )
    if (unheard := _NOT_TEXT.search(request.input)) is not None:
        raise RequestError(
            f"input has U+{ord(unheard[0]):04X} at character {unheard.start()}, which is no text: leave it out",
            param="input",
            code="control_character",
        )
    granularities = frozenset(request.timestamp_granularities)
    if granularities and request.stream_format == "audio":
        raise RequestError(
            "bare audio has no room for timestamps: ask for stream_format 'sse' or 'json'", param="stream_format"
        )
    if granularities and "durations" not in card.supports:
        raise RequestError(
            "this voice does not tell when its words are spoken: leave timestamp_granularities out",
            param="timestamp_granularities",
        )
    speech = CheckedRequest((), request.response_format, request.stream_format, granularities, len(request.input))
    # Where the vocoder makes whole sentences only, a shorter first sentence is heard sooner.
    cut = card.vocoder.receptive_field_frames is None and speech.streams
    return replace(speech, sentences=_sentences(request, card, front_end, cut=cut))


def voices(card: ServedCard) -> list[str]:
    """Return the names that a request's ``voice`` may have."""
    return [DEFAULT_VOICE, *(speaker for speaker in card.speakers if speaker != DEFAULT_VOICE)]


def _speaker(voice: str | VoiceReference, card: ServedCard) -> int | Mixture:
    """Return the speaker of a name, or the mixture that ``af_heart(2)+af_bella(1)`` stands for. Raises RequestError."""
    name = voice if isinstance(voice, str) else voice.id
    if len(name) > LONGEST_VOICE:
        raise RequestError(
            f"voice has {len(name)} characters; at most {LONGEST_VOICE} are allowed",
            param="voice",
            code="string_above_max_length",
        )
    if name in card.speakers:
        return card.speakers.index(name)
    if name == DEFAULT_VOICE:
        return 0
    if not _MIXED.search(name):
        raise _no_such_voice(name, card)
    if "speaker_vector" not in card.supports:
        raise _no_such_voice(name, card, "this voice takes no mixtures; ")
    weights: dict[int, float] = {}
    for part in name.split("+"):
        if (found := member(part)) is None:
            raise RequestError(
                f"the voice '{name}' is no mixture: write names with their weights, as in "
                f"{'+'.join(f'{one}({number})' for one, number in zip(card.speakers, (2, 1), strict=False))}",
                param="voice",
                code="invalid_value",
            )
        known, weight = found
        if known not in card.speakers and known != DEFAULT_VOICE:
            raise _no_such_voice(known, card)
        speaker = card.speakers.index(known) if known in card.speakers else 0
        weights[speaker] = weights.get(speaker, 0.0) + weight
    whole = sum(weights.values())
    if not whole:
        raise RequestError(f"the weights of the voice '{name}' are all 0", param="voice", code="invalid_value")
    return tuple((speaker, weight / whole) for speaker, weight in weights.items())


def member(part: str) -> tuple[str, float] | None:
    """Return the name and the weight, which is 1 where it is not given, of a mixture's member such as ``af_heart(2)``;
    None where it is no member."""
    # Plain cuts: the part comes from a client, and a pattern with several runs of spaces takes it minutes to match.
    name, bracket, rest = (one.strip() for one in part.partition("("))
    weight = rest.removesuffix(")").strip() if bracket else "1"
    if not name or ")" in name or (bracket and not rest.endswith(")")) or not _WEIGHT.fullmatch(weight):
        return None
    return name, float(weight)


def _no_such_voice(name: str, card: ServedCard, why: str = "") -> RequestError:
    return RequestError(
        f"the voice '{name}' does not exist; {why}there are {', '.join(voices(card))}",
        param="voice",
        code="voice_not_found",
    )


def _sentences(request: SpeechRequest, card: ServedCard, front_end: FrontEnd, *, cut: bool) -> list[Sentence]:
    """Return the sentences and how each is spoken. Raises RequestError."""
    speaker, sentences, pause = _speaker(request.voice, card), list[Sentence](), 0.0
    try:
        script = parse_script(request.input, front_end)
        front_end = script.front_end
        for piece in script.pieces:
            if not piece.text.strip():
                pause += piece.pause_seconds
                continue
            prosody = piece.prosody
            _check_prosody(prosody, card)
            speed = request.speed * prosody.rate
            if not SLOWEST <= speed <= FASTEST:
                raise MalformedScript(f"speed times rate is {speed:g}; it must be {SLOWEST:g} to {FASTEST:g}")
            for text in _texts(piece.text, front_end, cut=cut and not sentences):
                if pause and sentences:
                    sentences[-1] = replace(sentences[-1], pause_after=sentences[-1].pause_after + pause)
                    pause = 0.0
                words = _words(text, front_end, script) if request.timestamp_granularities else None
                symbols = front_end.encode(text)
                sentences.append(
                    Sentence(symbols, speaker, speed, prosody.pitch, prosody.volume, pause_before=pause, words=words)
                )
                pause = 0.0
    except (UnspeakableText, MalformedScript) as error:
        code = "malformed_script" if isinstance(error, MalformedScript) else "unspeakable_input"
        raise RequestError(str(error), param="input", code=code) from None
    if not sentences:
        raise RequestError("input is empty", param="input", code="empty_input")
    return [*sentences[:-1], replace(sentences[-1], pause_after=pause)] if pause else sentences


def _texts(text: str, front_end: FrontEnd, *, cut: bool) -> list[str]:
    # A text without any sentence is passed on, so that the front end refuses it with the reason.
    sentences = front_end.sentences(text) or [text]
    if cut and len(sentences[0]) > front_end.longest_first_piece:
        sentences = [*front_end.clauses(sentences[0]), *sentences[1:]]
    return sentences


def _words(text: str, front_end: FrontEnd, script: Script) -> list[WordPlace]:
    """Return the words of a sentence, each as it is written in the input."""
    return [
        replace(place, text=" ".join(script.written(word) for word in place.text.split()))
        for place in front_end.word_places(text)
    ]


def _check_prosody(prosody: SsmlProsody, card: ServedCard) -> None:
    if prosody.pitch != 1.0 and "pitch" not in card.supports:
        raise MalformedScript("SSML: this voice cannot change its pitch: leave <prosody pitch=...> out")
    if prosody.language is not None and not any(_covers(prosody.language, known) for known in card.languages):
        known = ", ".join(card.languages)
        raise MalformedScript(f"SSML: this voice does not speak {prosody.language}; it speaks {known}")


def _covers(language: str, known: str) -> bool:
    """Return whether ``known`` is the language asked for, or a region of it (``en`` covers ``en-us``)."""
    return known == language or known.startswith(f"{language}-")
