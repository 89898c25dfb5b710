"""How a clip's sound becomes the features that an acoustic model learns, one file for each kind of frames.

To add a kind, write its file and add one line here and to ``tts_api.architectures.base.FrameKind``.
"""

from __future__ import annotations

from collections.abc import Callable

from tts_api.architectures import FrameKind
from tts_api.resources.training import AudioFeatures
from tts_workloads.data.analysis.base import Analysis, ClipFeatures
from tts_workloads.data.analysis.mel import MelAnalysis
from tts_workloads.data.analysis.world import WorldAnalysis

ANALYSES: dict[FrameKind, Callable[[AudioFeatures], Analysis]] = {"mel": MelAnalysis, "world": WorldAnalysis}

__all__ = ["ANALYSES", "Analysis", "ClipFeatures"]
