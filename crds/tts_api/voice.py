"""The card inside a voice: what the voice can do, how it was made and how good it is.

A voice that was trained is a TorchScript file, and one that was imported a zip archive around an ONNX model. The names
of the files in both archives are here too. ``tts_workloads`` writes and reads voices.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_serializer

from tts_api.base import Document, Sha256
from tts_api.choices import Language
from tts_api.report import Evaluation, TrainingSettings
from tts_api.resources.training import AudioFeatures, Model

FORMAT = 1
"""Number of the newest format. A reader reads every format up to this number and refuses a higher one."""

CARD_FILE = "voice.json"
"""Extra file of the archive that holds the card as JSON."""

FRONT_END_PREFIX = "front_end/"
"""Prefix of the archive's extra files that hold the front end's data, unchanged."""

TRAINING_FILE = "training/acoustic.pt"
"""Extra file of the archive with the weights of the acoustic model that only training needs, as torch.save writes a
mapping from names to tensors. A training that starts from this voice reads it."""


MODEL_FILE = "model.onnx"
"""File of an imported voice's archive with its ONNX model."""
CONFIG_FILE = "config.json"
"""File of an imported voice's archive with the JSON that came with the model, unchanged: its symbols and their
numbers."""
PACKS_FILE = "packs.npz"
"""File of an imported voice's archive with the voice packs of Kokoro: an array of NumPy for each speaker."""

ImportEngine = Literal["kokoro", "piper"]
"""What speaks an imported voice: the layout of its ONNX model."""

Capability = Literal["speed", "pitch", "energy", "durations", "speaker_vector"]
"""An input or output of a voice's interface that not every voice supports."""


class FrontEndCard(Document):
    """The front end that turned the training's text into symbols. The voice speaks only with the same front end."""

    name: str
    """Name of the front end in the registry, such as en-us."""
    version: Annotated[int, Field(ge=1)]
    """Version of its rules. Another version may choose other symbols."""
    sha256: Sha256
    """Digest (SHA-256) over its data files."""
    files: tuple[str, ...]
    """Names of its data files, without the prefix."""
    symbols: tuple[str, ...]
    """Symbols in the order of the rows of the acoustic model's embedding."""


class VocoderCard(Document):
    """What a server must know about the vocoder in order to stream."""

    receptive_field_frames: Annotated[int, Field(ge=0)] | None = None
    """Frames on each side that a sample of audio depends on. Absent where a sample depends on all earlier frames or
    on all frames (``ddsp``, ``griffinlim``): such a vocoder streams sentence by sentence."""


class Provenance(Document):
    """How the voice was made."""

    run_sha256: Sha256
    """Digest of the run document (``tts_api.run.digest``): format of the corpus, models and options."""
    data_sha256: Sha256
    """Digest (SHA-256) over the corpus: identifiers, transcripts and audio."""
    clips: Annotated[int, Field(ge=0)]
    """Number of clips that the voice was trained on."""
    seconds: Annotated[float, Field(ge=0)]
    """Seconds of speech that the voice was trained on."""
    steps: Annotated[int, Field(ge=0)]
    """Steps done, over all stages."""
    created_at: str
    """Time at which the voice was written."""
    torch: str
    """Version of PyTorch that wrote the voice."""
    acoustic_from: Sha256 | None = None
    """Digest of the voice that the acoustic model started from; absent where it was trained from scratch."""
    vocoder_from: Sha256 | None = None
    """Digest of the voice that the vocoder started from; absent where it was trained from scratch."""


class ServedCard(Document):
    """What a server needs to know about any voice."""

    format: Annotated[int, Field(ge=1)] = FORMAT
    """Number of the voice's format."""
    name: str
    """Name of the training, or of the voice that was imported."""
    languages: tuple[Language, ...]
    """Languages that the voice speaks."""
    speakers: tuple[str, ...]
    """Names of the speakers, in the order of their indices."""
    audio: AudioFeatures
    """Sample rate and mel features. An imported voice has no mel features: only its sample rate and its hop length, the
    unit of its durations, mean anything."""
    supports: tuple[Capability, ...]
    """Inputs and outputs of the interface that this voice supports."""
    front_end: FrontEndCard
    """The front end that turns text into symbols."""
    vocoder: VocoderCard
    """What a server must know about the vocoder in order to stream."""


class Origin(Document):
    """What an imported voice was made from."""

    files: dict[str, Sha256]
    """Digest (SHA-256) of each file that it was made from, by its name."""
    licence: str | None = None
    """Licence of the model, as whoever imported it gave it; absent where nobody did."""
    about: str | None = None
    """What the voice is, in words."""


class ImportedCard(ServedCard):
    """The card of a voice that was not trained here. Nothing is known of its corpus or of how good it is."""

    engine: ImportEngine
    """What speaks it."""
    origin: Origin
    """What it was made from."""


class VoiceCard(ServedCard):
    """The content of ``voice.json``: everything that a server or a person needs to know about a voice."""

    model: Model
    """Architectures of the models and their parameters."""
    provenance: Provenance
    """How the voice was made."""
    settings: TrainingSettings | None = None
    """What the voice was trained with. Absent in voices of version 0.1.0."""
    evaluation: Evaluation | None = None
    """Measures of the voice on held-out clips."""

    @field_serializer("model", mode="wrap")
    def _write_whole_parameters_as_integers(self, model: Model, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # People read the card: hiddenSize is 160 and not 160.0. The run document keeps its floats, since digests of
        # earlier runs are made from them.
        written: dict[str, Any] = write(model)
        for part in written.values():
            values = part["parameters"]
            part["parameters"] = {name: int(value) if value == int(value) else value for name, value in values.items()}
        return written
