"""Pauses and SSML: what is spoken how, what is refused in which words, and what comes of it in sound."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.workloads import tiny_voice
from tts_workloads import text as text_to_symbols
from tts_workloads.serving.http import speech_request
from tts_workloads.serving.http.errors import RequestError
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.loudness import KNEE, amplified
from tts_workloads.serving.synthesis.script import MalformedScript, SsmlProsody, parse
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.text.english.sentences import split_clauses

PLAIN = SsmlProsody()
FRONT_END = text_to_symbols.for_training("en-us")


def pieces(text: str) -> list[tuple[str, SsmlProsody, float]]:
    return [
        (" ".join(p.text.split()), p.prosody, p.pause_seconds)
        for p in parse(text, FRONT_END).pieces
        if p.text.strip() or not p.text
    ]


def ssml(inside: str) -> str:
    return f'<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis">{inside}</speak>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. [pause:1.5s] World.", [("Hello.", PLAIN, 0), ("", PLAIN, 1.5), ("World.", PLAIN, 0)]),
        ("a [PAUSE: 500ms ]b", [("a", PLAIN, 0), ("", PLAIN, 0.5), ("b", PLAIN, 0)]),
        ("5 < 6 and <b>", [("5 < 6 and <b>", PLAIN, 0)]),
        (ssml("Hello."), [("Hello.", PLAIN, 0)]),
        (ssml('a<break time="2s"/>b'), [("a", PLAIN, 0), ("", PLAIN, 2.0), ("b", PLAIN, 0)]),
        (
            ssml('a<break/>b<break strength="none"/>'),
            [("a", PLAIN, 0), ("", PLAIN, 0.4), ("b", PLAIN, 0), ("", PLAIN, 0.0)],
        ),
        (ssml("<p><s>One</s><s>Two</s></p>"), [("One", PLAIN, 0), ("Two", PLAIN, 0)]),
        (
            ssml('the <sub alias="World Wide Web Consortium">W3C</sub> says'),
            [("the World Wide Web Consortium says", PLAIN, 0)],
        ),
        (ssml('<say-as interpret-as="characters">ab1</say-as>'), [("A B 1", PLAIN, 0)]),
        (
            ssml('the <say-as interpret-as="ordinal">21</say-as>, <say-as interpret-as="ordinal">12</say-as>'),
            [("the 21st, 12th", PLAIN, 0)],
        ),
        (ssml('<say-as interpret-as="cardinal">42</say-as>'), [("42", PLAIN, 0)]),
        (
            ssml('a <prosody rate="slow" pitch="+12st">b</prosody> c'),
            [("a", PLAIN, 0), ("b", SsmlProsody(0.75, 2.0), 0), ("c", PLAIN, 0)],
        ),
        (ssml('<prosody rate="200%"><prosody rate="-50%">a</prosody></prosody>'), [("a", SsmlProsody(1.0), 0)]),
        (
            ssml('a <prosody volume="x-soft">b</prosody> c'),
            [("a", PLAIN, 0), ("b", SsmlProsody(volume=-12.0), 0), ("c", PLAIN, 0)],
        ),
        (
            ssml('<prosody volume="+6.5dB"><prosody volume="soft" rate="fast">a</prosody></prosody>'),
            [("a", SsmlProsody(1.25, volume=0.5), 0)],
        ),
        (
            ssml('<prosody volume="silent"><prosody volume="loud">a</prosody></prosody>'),
            [("a", SsmlProsody(volume=-math.inf), 0)],
        ),
        (ssml('<lang xml:lang="en-US">a</lang>'), [("a", SsmlProsody(language="en-us"), 0)]),
        (ssml("a &amp; b &#x41;"), [("a & b A", PLAIN, 0)]),
        (ssml(""), []),
        (f'<?xml version="1.0" encoding="UTF-16"?>\n<!-- a --><!-- b -->{ssml("a")}', [("a", PLAIN, 0)]),
        (f"\ufeff \n<!-- a > b -->\n{ssml('a')}<!-- c -->\n", [("a", PLAIN, 0)]),
        ("\ufeff<speak\t>a</speak>", [("a", PLAIN, 0)]),
        ("<speak/>", []),
        (
            '<x:speak xmlns:x="http://www.w3.org/2001/10/synthesis">a<x:break time="1s"/></x:speak>',
            [("a", PLAIN, 0), ("", PLAIN, 1.0)],
        ),
        (
            '<speak xml:lang="en-US">a<p xml:lang="de">b</p></speak>',
            [("a", SsmlProsody(language="en-us"), 0), ("b", SsmlProsody(language="de"), 0)],
        ),
        ("<3 you", [("<3 you", PLAIN, 0)]),
        ("a < b <speak>", [("a < b <speak>", PLAIN, 0)]),
        ("<speaker> says", [("<speaker> says", PLAIN, 0)]),
        ("<!-- a --> b", [("<!-- a --> b", PLAIN, 0)]),
        ("<!-- a " * 3, [("<!-- a <!-- a <!-- a", PLAIN, 0)]),
    ],
)
def test_what_is_spoken_how(text: str, expected: list[Any]) -> None:
    assert pieces(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[pause:soon]", r"\[pause:soon\]: a pause is as in 1.5s or 500ms"),
        ("[pause:11s]", "at most 10 s"),
        ("a[pause:9s]" * 7, "longer than 60 s together"),
        ("<speak>a", "SSML: no element found|SSML: unclosed token"),
        ("<speak>a</spek>", "mismatched tag"),
        (ssml("<audio src='x'/>"), "<audio> is not supported; supported are <speak>, <p>"),
        (ssml('<break time="long"/>'), "a pause is as in"),
        (ssml('<break strength="huge"/>'), "it is one of none, x-weak"),
        (ssml("<sub>W3C</sub>"), "<sub> has no alias"),
        (ssml('<say-as interpret-as="poem">a</say-as>'), "interpret-as='poem'> is not supported"),
        (ssml('<say-as interpret-as="ordinal">ten</say-as>'), "'ten' is no whole number"),
        (ssml('<phoneme alphabet="ipa" ph="a">a</phoneme>'), "alphabet='ipa'> is not supported; x-arpabet is"),
        (ssml('<phoneme ph=" ">a</phoneme>'), "has no phonemes"),
        (ssml('<prosody contour="(0%,+2st)">a</prosody>'), "contour=...> is not supported; rate, pitch, volume are"),
        (ssml('<prosody volume="80">a</prosody>'), r"volume='80'>: it is silent, x-soft, .*, or as in \+6dB or -3.5dB"),
        (ssml('<prosody volume="6dB">a</prosody>'), "volume='6dB'>: it is silent"),
        (
            ssml('<prosody volume="loud"><prosody volume="+7dB">a</prosody></prosody>'),
            "a volume of 13 is out of range: -inf to 12",
        ),
        (ssml('<prosody rate="2st">a</prosody>'), "rate='2st'>: it is x-slow"),
        (ssml('<prosody rate="500%">a</prosody>'), "a rate of 5 is out of range: 0.25 to 4"),
        (ssml('<prosody pitch="-100%">a</prosody>'), "a pitch of 0 is out of range"),
        (ssml("<lang>a</lang>"), "no xml:lang"),
        (ssml("<p>" * 40 + "</p>" * 40), "more than 32 elements"),
        ('\ufeff <!doctype x [<!ENTITY a "b">]>' + ssml("&a;"), "a document type is not allowed"),
        (f'<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd">{ssml("a")}', "a document type is not allowed"),
        ("<!-- a --><SPEAK>a</SPEAK>", "the document is a <SPEAK>; it has to be a <speak>"),
        ('<?xml version="1.0"?><p>a</p>', "the document is a <p>; it has to be a <speak>"),
        ('<?xml version="1.0"?> and so on', "SSML: syntax error"),
        ("<ssml:speak>a</ssml:speak>", "unbound prefix"),
        ('<speak ><!DOCTYPE x [<!ENTITY a "b">]>&a;</speak>', "a document type is not allowed"),
        (ssml("&lol;"), "undefined entity"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(MalformedScript, match=words):
        parse(text, FRONT_END)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> LoadedVoice:
    return LoadedVoice(tiny_voice.write(tmp_path_factory.mktemp("voice") / "voice.pt"), None, torch.device("cpu"))


def asked(voice: LoadedVoice, text: str, **changes: Any) -> list[Sentence]:
    request = speech_request.SpeechRequest.model_validate({"input": text, "response_format": "wav"} | changes)
    card = voice.card.model_copy(update={"supports": ("speed", "pitch")})
    return list(speech_request.check(request, card, voice.front_end, "tones", 4096).sentences)


def test_phonemes_are_said_as_they_are_given(voice: LoadedVoice) -> None:
    given, written = (
        asked(voice, ssml(f"I say {what}.")) for what in ('<phoneme ph="HH AH0 L OW1">pecan</phoneme>', "hello")
    )
    assert given == written
    with pytest.raises(RequestError, match="there is no phoneme 'XX'"):
        asked(voice, ssml('<phoneme ph="XX">a</phoneme>'))


def test_pauses_are_silence_of_their_length(voice: LoadedVoice) -> None:
    plain = asked(voice, "Hello. World.")
    paused = asked(voice, "[pause:1s]Hello.[pause:500ms][pause:250ms] World. [pause:2s]")
    assert [(one.pause_before, one.pause_after) for one in paused] == [(1.0, 0.75), (0.0, 2.0)]
    rate = voice.card.audio.sample_rate
    for bare, silent in zip(plain, paused, strict=True):
        (sound,), (longer,) = (voice.vocode(voice.predict_mel([one]), [None]) for one in (bare, silent))
        before, after = int(silent.pause_before * rate), int(silent.pause_after * rate)
        np.testing.assert_array_equal(longer, np.pad(sound, (before, after)))


def decibels(sound: np.ndarray) -> float:
    """Of its root mean square."""
    return 20 * math.log10(float(np.sqrt(np.mean(sound.astype(np.float64) ** 2))))


@pytest.mark.parametrize(
    ("volume", "change"), [("soft", -6.0), ("x-soft", -12.0), ("-20dB", -20.0), ("+3dB", 3.0), ("medium", 0.0)]
)
def test_a_sentence_is_so_many_decibels_louder(voice: LoadedVoice, volume: str, change: float) -> None:
    plain, changed, after = asked(voice, ssml(f'Hello. <prosody volume="{volume}">Hello.</prosody> Hello.'))
    sounds = voice.vocode(voice.predict_mel([plain, changed, after]), [None, None, None])
    assert decibels(sounds[1]) - decibels(sounds[0]) == pytest.approx(change, abs=0.01)
    np.testing.assert_array_equal(sounds[0], sounds[2])


def test_silent_is_silence_of_the_same_length(voice: LoadedVoice) -> None:
    plain, silent = asked(voice, ssml('Hello. <prosody volume="silent">Hello.</prosody>'))
    said, nothing = voice.vocode(voice.predict_mel([plain, silent]), [None, None])
    np.testing.assert_array_equal(nothing, np.zeros_like(said))


def test_what_is_too_loud_is_rounded_and_stays_within_bounds() -> None:
    ramp = np.linspace(-1, 1, 2001, dtype=np.float32)
    louder = amplified(ramp, 12.0)
    assert louder.dtype == np.float32
    assert 0.99 < np.abs(louder).max() <= 1.0
    assert bool((np.diff(louder) >= 0).all())
    quiet = np.abs(ramp) < KNEE / 4
    np.testing.assert_allclose(louder[quiet], ramp[quiet] * 10**0.6, rtol=1e-6)
    # Not even where the rounding begins is there a step.
    assert np.diff(louder).max() < 1.01 * 10**0.6 * (ramp[1] - ramp[0])


def test_manners_reach_the_voice_and_are_checked(voice: LoadedVoice) -> None:
    slow = asked(voice, ssml('<prosody rate="slow" pitch="200%">Hello.</prosody> World.'), speed=2.0)
    assert [(one.speed, one.pitch) for one in slow] == [(1.5, 2.0), (2.0, 1.0)]
    with pytest.raises(RequestError, match=r"speed times rate is 8"):
        asked(voice, ssml('<prosody rate="400%">Hello.</prosody>'), speed=2.0)
    assert asked(voice, '<speak xml:lang="en">Hello.</speak>') == asked(voice, "Hello.")
    for german in (ssml('<lang xml:lang="de-DE">Hallo</lang>'), '<speak xml:lang="de-DE">Hallo</speak>'):
        with pytest.raises(RequestError, match="does not speak de-de; it speaks en-us"):
            asked(voice, german)
    for nothing in ("[pause:1s]", ssml("<break/>"), ssml("")):
        with pytest.raises(RequestError, match="input is empty"):
            asked(voice, nothing)


@pytest.mark.parametrize(
    ("sentence", "clauses"),
    [
        ("Good morning, everyone.", ["Good morning, everyone."]),
        (
            "If it rains tomorrow morning, we will all stay at home.",
            ["If it rains tomorrow morning,", "we will all stay at home."],
        ),
        ("It cost 1,234,567 dollars in all, they said to us.", ["It cost 1,234,567 dollars in all, they said to us."]),
        ("----------------------------, and so they went.", ["----------------------------, and so they went."]),
    ],
)
def test_clauses_are_of_some_words(sentence: str, clauses: list[str]) -> None:
    assert split_clauses(sentence) == clauses
