"""The two kinds a user writes: TTSTraining and TTSService."""

from tts_api.resources.conditions import Condition
from tts_api.resources.service import TTSService
from tts_api.resources.training import TTSTraining

__all__ = ["Condition", "TTSService", "TTSTraining"]
