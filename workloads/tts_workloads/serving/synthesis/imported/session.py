"""Opens an ONNX model and tells what is wrong with one. Which inputs a model must have is said by its voice."""

from __future__ import annotations

from typing import Any

import numpy as np

from tts_api.reasons import Reason
from tts_workloads.exits import BadInput, summary

DURATIONS = ("durations", "duration")
"""Names of an output with how many frames each of a model's symbols lasts. Some models have one, and importing adds the
first to others."""
_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


class OnnxModel:
    """An ONNX model in memory. Several threads may run it at a time."""

    def __init__(self, name: str, model: bytes) -> None:
        """``name`` is the file's name in messages. Raises BadInput with the reason UnsupportedVoice."""
        self.name = name
        runtime = _runtime(name)
        options = runtime.SessionOptions()
        # Each thread of the engine computes alone, as with PyTorch: threads that share a sentence wait for each other.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Sentences differ in length, and plans and memory that are kept for each of them grow without giving speed.
        options.enable_mem_pattern = options.enable_cpu_mem_arena = False
        try:
            self._session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no base class of their own
            raise self.refusal(f"ONNX Runtime {runtime.__version__} cannot load it: {summary(error)}") from None
        self.inputs = {one.name: str(one.type) for one in self._session.get_inputs()}
        self.outputs = [one.name for one in self._session.get_outputs()]
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        """What whoever exported the model wrote into it."""
        sounds = [name for name in self.outputs if name not in DURATIONS]
        if not sounds:
            raise self.refusal(
                f"it has the outputs {', '.join(self.outputs) or 'none'}, and none of them is sound: give a model that "
                "speaks"
            )
        self._sound = sounds[0]
        self._durations = next((name for name in self.outputs if name in DURATIONS), None)

    @property
    def has_durations(self) -> bool:
        """Whether the model tells how long each symbol lasts."""
        return self._durations is not None

    def run(self, inputs: dict[str, np.ndarray[Any, Any]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
        """Return the model's sound as float32 in -1 to 1 in its own shape, and its durations in frames, if it has them.
        The inputs are given in the types that the model wants. Raises BadInput where the model does not run."""
        typed = {name: value.astype(_TYPES.get(self.inputs[name], value.dtype)) for name, value in inputs.items()}
        try:
            made = self._session.run([self._sound, *([self._durations] if self._durations else [])], typed)
            samples = np.clip(np.nan_to_num(np.asarray(made[0], np.float32)), -1, 1)
            durations = np.asarray(made[1], np.float64) if self._durations else None
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no base class of their own
            raise self.refusal(
                f"ONNX Runtime cannot run it ({summary(error)}): give the JSON that came with the model"
            ) from None
        return samples, durations

    def refusal(self, why: str) -> BadInput:
        """Return the error that refuses the model."""
        return BadInput(Reason.UNSUPPORTED_VOICE, f"{self.name}: {why}")


def _runtime(name: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{name} is a voice for ONNX Runtime, which is not installed: pip install 'tts-operator[onnx]', or serve "
            "it with an image that has that extra",
        ) from None
    return onnxruntime
