"""The card inside a voice: what the TorchScript file can do, how it was made and how good it is. The file's layout is
documented here too; who writes and reads it is ``tts_workloads``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tts_api.base import Document, Sha256
from tts_api.choices import Language
from tts_api.report import Evaluation
from tts_api.resources.training import AudioFeatures, Model

FORMAT = 1
"""Number of the artifact's format: a reader refuses a higher one, and reads every lower one."""

CARD_FILE = "voice.json"
"""Extra file of the TorchScript archive that holds the card."""

FRONT_END_PREFIX = "front_end/"
"""Extra files of the archive under this prefix are the front end's data, given back to it as they are."""

TRAINING_FILE = "training/acoustic.pt"
"""Extra file of the archive with the weights of the acoustic model's training that speaking needs none of: a training
that goes on from this voice does. Tensors by name, as torch.save writes them."""


Capability = Literal["speed", "pitch", "energy", "durations", "speaker_vector"]
"""An input or output of a voice's interface that does nothing in some voices."""


class FrontEndCard(Document):
    """The front end that turned the training's text into symbols; only the same one may speak with the voice."""

    name: str
    """The front end's name in the registry, such as en-us."""
    version: Annotated[int, Field(ge=1)]
    """Version of its rules: another version may choose other symbols."""
    sha256: Sha256
    """Digest over its data files."""
    files: tuple[str, ...]
    """Names of its data files, without the prefix."""
    symbols: tuple[str, ...]
    """Symbols by index, as the acoustic model's embedding has them."""


class VocoderCard(Document):
    """What a streaming server must know of the vocoder."""

    receptive_field_frames: Annotated[int, Field(ge=0)] | None = None
    """Mel frames on each side that a sample depends on; absent where it depends on all that came before, or on all
    (``ddsp``, ``griffinlim``): such a vocoder streams by sentence."""


class Provenance(Document):
    """How the voice came to be."""

    run_sha256: Sha256
    """Digest of the run: corpus format, models, options."""
    data_sha256: Sha256
    """Digest over the corpus: identifiers, transcripts and audio."""
    clips: Annotated[int, Field(ge=0)]
    """Clips trained on."""
    seconds: Annotated[float, Field(ge=0)]
    """Seconds of speech trained on."""
    steps: Annotated[int, Field(ge=0)]
    """Steps done over all stages."""
    created_at: str
    """When the voice was written."""
    torch: str
    """Version of PyTorch that wrote it."""
    acoustic_from: Sha256 | None = None
    """Digest of the voice that the acoustic model started from; absent where it was trained from nothing."""
    vocoder_from: Sha256 | None = None
    """Digest of the voice that the vocoder started from; absent where it was trained from nothing."""


class VoiceCard(Document):
    """``voice.json``: everything a server or a person asks of a voice."""

    format: Annotated[int, Field(ge=1)] = FORMAT
    """Number of the artifact's format."""
    name: str
    """Name of the training."""
    languages: tuple[Language, ...]
    """Languages it speaks."""
    speakers: tuple[str, ...]
    """Speakers by index."""
    audio: AudioFeatures
    """Sample rate and mel features."""
    model: Model
    """Architectures and their parameters."""
    supports: tuple[Capability, ...]
    """Inputs and outputs of the interface that do something in this voice."""
    front_end: FrontEndCard
    """What turns text into symbols."""
    vocoder: VocoderCard
    """What a streaming server must know of the vocoder."""
    provenance: Provenance
    """How the voice came to be."""
    evaluation: Evaluation | None = None
    """How good it is on held-out clips."""
