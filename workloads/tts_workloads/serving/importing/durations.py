"""Lets a model tell how long each of its symbols lasts. Kokoro and Piper compute this and do not return it: importing a
voice adds an output, which changes nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tts_workloads.serving.synthesis.imported.session import DURATIONS, OnnxModel

Finder = Callable[[Any], Iterator[str]]
"""Yields the tensors of an ONNX graph that may be the durations."""


def rounded_and_clipped(graph: Any) -> Iterator[str]:
    """Yield Kokoro's durations: they are rounded, and then at least one frame."""
    rounded = {output for node in graph.node if node.op_type == "Round" for output in node.output}
    for node in graph.node:
        if node.op_type in {"Clip", "Max"} and rounded & set(node.input):
            yield node.output[0]


def ceiled(graph: Any) -> Iterator[str]:
    """Yield Piper's durations: they are rounded up."""
    for node in graph.node:
        if node.op_type == "Ceil":
            yield node.output[0]


def with_durations(model: OnnxModel, data: bytes, find: Finder) -> bytes:
    """Return the model with the output ``durations``; unchanged where it has one, or where it is not clear which tensor
    that would be. ``data`` is the model's file. Raises BadInput where it is no file of ONNX."""
    if model.has_durations:
        return data
    import onnx
    from google.protobuf.message import DecodeError

    try:
        whole = onnx.load_model_from_string(data)
    except DecodeError:
        # ONNX Runtime also loads files in a format of its own.
        raise model.refusal("it is no file of ONNX: give the .onnx that it was made from") from None
    found = set(find(whole.graph))
    taken = {output for node in whole.graph.node for output in node.output}
    free = [name for name in DURATIONS if name not in taken]
    if len(found) != 1 or not free:
        return data
    whole.graph.node.append(onnx.helper.make_node("Identity", [found.pop()], [free[0]]))
    whole.graph.output.append(onnx.ValueInfoProto(name=free[0]))
    changed: bytes = whole.SerializeToString()
    return changed


def samples_of_a_frame(model: OnnxModel, inputs: dict[str, np.ndarray[Any, Any]], symbols: int) -> int | None:
    """Return how many samples a frame of the durations lasts in what the model says to these inputs, which have so many
    symbols; None where there is not a duration for each symbol, or they do not add up to the sound. Raises BadInput
    where the model does not run."""
    samples, durations = model.run(inputs)
    if durations is None or durations.size != symbols or not 0 < float(durations.sum()) < math.inf:
        return None
    hop = samples.size / float(durations.sum())
    return round(hop) if hop == round(hop) else None
