"""The two kinds that a user writes, TTSTraining and TTSService: the types of their spec and of their status."""

from tts_api.resources.conditions import Condition
from tts_api.resources.service import TTSService
from tts_api.resources.training import TTSTraining

__all__ = ["Condition", "TTSService", "TTSTraining"]
