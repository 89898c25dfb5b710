"""Models of a few kilobytes in the layouts of Kokoro and Piper: every symbol is a tone that lasts as long as its table
says. Both are made when a test asks for them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from tts_workloads import text

SYMBOLS = "$;:,.!? —…\"()“”ˈˌːabdefhijklmnoprstuvwxzæðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒʤʧθᵊᵻAIOQWY^_'-ɒɹʔ"
"""Enough of IPA for what both programs write. The first is what Kokoro pads with."""
NUMBERS = {symbol: number for number, symbol in enumerate(dict.fromkeys(SYMBOLS))}
SILENT = frozenset("$^_ ,.!?ˈˌː;:")
FRAMES = 3.0
"""Frames that a symbol lasts at speed 1."""

KOKORO = """
<ir_version: 8, opset_import: ["" : 17]>
kokoro (int64[1,N] tokens, float[1,256] style, float[1] speed) => (float[M] audio)
<float one = {1.0}, float zero = {0.0}, float hop = {600.0}, int64 first = {0}, int64 last = {1}, int64[1] flat = {-1}>
{
  usual = Gather (lasting, tokens)
  slowed = Div (usual, speed)
  rounded = Round (slowed)
  frames = Clip (rounded, one)
  row = Reshape (frames, flat)
  samples = Mul (row, hop)
  ends = CumSum (samples, first)
  whole = ReduceSum <keepdims = 0> (samples)
  ramp = Range (zero, whole, one)
  column = Unsqueeze (ramp, last_axis)
  ended = GreaterOrEqual (column, ends)
  counted = Cast <to = 7> (ended)
  place = ReduceSum <keepdims = 0> (counted, last_axis)
  symbols = Reshape (tokens, flat)
  symbol = Gather (symbols, place)
  step = Gather (steps, symbol)
  phase = CumSum (step, first)
  wave = Sin (phase)
  loud = Gather (loudness, symbol)
  level = ReduceMean <keepdims = 0> (style)
  scaled = Mul (wave, loud)
  audio = Mul (scaled, level)
}
"""
PIPER = """
<ir_version: 8, opset_import: ["" : 17]>
piper (int64[B,N] input, int64[B] input_lengths, float[3] scales, int64[B] sid) => (float[B,1,1,M] output)
<float one = {1.0}, float zero = {0.0}, float hop = {256.0}, int64 none = {0}, int64 single = {1}, int64 second = {1},
 float half = {0.5}>
{
  usual = Gather (lasting, input)
  length = Gather (scales, second)
  slowed = Mul (usual, length)
  shape = Shape (input)
  symbols = Gather (shape, second)
  numbers = Range (none, symbols, single)
  lengths = Unsqueeze (input_lengths, last_axis)
  inside = Less (numbers, lengths)
  mask = Cast <to = 1> (inside)
  masked = Mul (slowed, mask)
  frames = Ceil (masked)
  samples = Mul (frames, hop)
  ends = CumSum (samples, second)
  rows = ReduceSum <keepdims = 0> (samples, last_axis)
  whole = ReduceMax <keepdims = 0> (rows)
  ramp = Range (zero, whole, one)
  column = Unsqueeze (ramp, last_axis)
  spread = Unsqueeze (ends, middle_axis)
  ended = GreaterOrEqual (column, spread)
  counted = Cast <to = 7> (ended)
  places = ReduceSum <keepdims = 0> (counted, last_dimension)
  most = Sub (symbols, single)
  place = Min (places, most)
  symbol = GatherElements <axis = 1> (input, place)
  step = Gather (steps, symbol)
  phase = CumSum (step, second)
  wave = Sin (phase)
  loud = Gather (loudness, symbol)
  tone = Mul (wave, loud)
  speaker = Cast <to = 1> (sid)
  more = Add (speaker, one)
  level = Mul (more, half)
  levels = Unsqueeze (level, last_axis)
  sound = Mul (tone, levels)
  output = Unsqueeze (sound, middle_axes)
}
"""


def _model(source: str, **tables: np.ndarray[Any, Any]) -> bytes:
    model = parser.parse_model(source)
    count = len(NUMBERS)
    steps = np.array([2 * math.pi * (200 + 40 * number) / 24000 for number in range(count)], np.float32)
    silent = np.array([0.0 if symbol in SILENT else 0.4 for symbol in NUMBERS], np.float32)
    axes = {"last_axis": [1], "middle_axis": [1], "last_dimension": [2], "middle_axes": [1, 2]}
    known: dict[str, np.ndarray[Any, Any]] = {
        "lasting": np.full(count, FRAMES, np.float32),
        "steps": steps,
        "loudness": silent,
        **{name: np.array(axis, np.int64) for name, axis in axes.items()},
        **tables,
    }
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(numpy_helper.from_array(known[name], name) for name in sorted(used & set(known)))
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def kokoro(folder: Path, packs: tuple[str, ...] = ("af_heart", "af_bella", "bm_fable")) -> Path:
    """Write a Kokoro with its config.json and packs, each louder than the one before, and return the model's path."""
    path = folder / "tiny-kokoro.onnx"
    path.write_bytes(_model(KOKORO))
    (folder / "config.json").write_text(json.dumps({"vocab": NUMBERS}, ensure_ascii=False))
    tables = {name: np.full((510, 1, 256), 0.5 * (place + 1), np.float32) for place, name in enumerate(packs)}
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **tables)
    return path


def piper(folder: Path, speakers: tuple[str, ...] = ("ann", "bob"), **changes: Any) -> Path:
    """Write a Piper voice with its JSON, some members of which may be replaced, and return the model's path."""
    path = folder / "en_US-tiny-low.onnx"
    source = PIPER
    if not speakers:
        source = source.replace(", int64[B] sid", "").replace("Cast <to = 1> (sid)", "Identity (zero_speaker)")
    path.write_bytes(_model(source, zero_speaker=np.zeros(1, np.float32)))
    config = {
        "audio": {"sample_rate": 16000, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": {symbol: [number] for symbol, number in NUMBERS.items()},
        "num_symbols": len(NUMBERS),
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {name: place for place, name in enumerate(speakers)},
        "dataset": "tiny",
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(config | changes, ensure_ascii=False))
    return path


@contextmanager
def one_front_end() -> Iterator[None]:
    """Every import makes the front end for itself, which takes three seconds: here they share one."""
    front_end = text.for_training("en-us")
    files = front_end.files()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(front_end, "files", lambda: files)
        patch.setattr(text, "for_training", lambda language: front_end)
        yield
