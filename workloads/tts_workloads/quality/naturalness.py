"""How natural speech sounds, as a network trained on people's opinions predicts: DistillMOS (Stahl and Gamper 2025,
arXiv:2502.05356), offline, on the CPU. Needs the extra ``quality``."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tts_workloads.data.sound import resample

SAMPLE_RATE = 16000


@torch.inference_mode()
def mean_opinion_score(waveform: NDArray[np.float32], sample_rate: int) -> float:
    """Return the predicted opinion, from 1 (bad) to 5 (excellent), of ``waveform`` ``[samples]`` in -1 to 1.

    Raises ImportError where the extra is not installed, or torchaudio.
    """
    sound = resample(torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32)), sample_rate, SAMPLE_RATE)
    score: float = model()(sound[None]).item()
    return score


@cache
def model() -> Any:
    """Return the predictor, loaded once; ``model.cache_clear()`` gives its memory back. Raises ImportError where the
    extra is not installed, or torchaudio, which it imports and does not use here."""
    from distillmos import ConvTransformerSQAModel

    with redirect_stdout(io.StringIO()):  # it prints that it loaded its weights
        return ConvTransformerSQAModel().eval()
