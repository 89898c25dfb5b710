"""Chooses what the run leaves open: the batch, the sizes of the models, the number format and the threads, after the
corpus and the device. An attempt that resumes keeps the batch and the sizes of the first one."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from tts_api.architectures import Surroundings
from tts_api.report import TrainingSettings
from tts_api.resources.training import AcousticModel, Vocoder
from tts_api.run import TrainingRun, digest
from tts_workloads.files import write_bytes
from tts_workloads.models.task import BATCH_SECONDS
from tts_workloads.training.loop.precision import choose
from tts_workloads.training.setup.starting_voices import KNOWN, Part, filled

log = logging.getLogger(__name__)

GPU_BATCH_SECONDS = 60.0
"""Seconds of speech in a batch on a GPU, which needs large batches to be busy."""


def settled(
    run: TrainingRun, given: TrainingRun, corpus_seconds: float, device: torch.device, folder: Path
) -> TrainingRun:
    """The run with everything chosen that ``given``, the document as the user wrote it, leaves open. ``run`` is the
    same document with the parameters of the starting voices and the defaults filled in; ``folder`` is the folder of the
    run."""
    kept = _kept(folder, digest(given))
    around = Surroundings(corpus_seconds, on_gpu=device.type == "cuda")

    def sized(part: Part, model: AcousticModel | Vocoder, given: AcousticModel | Vocoder) -> AcousticModel | Vocoder:
        if given.from_training is not None:
            return model
        suited = KNOWN[part][model.name].suited(around)
        if kept is not None:
            suited = kept.acoustic_parameters if part == "acoustic" else kept.vocoder_parameters
        elif not suited.keys().isdisjoint(given.parameters):
            suited = {}  # sizes go together: who chooses one of them has the defaults for the others
        return model.model_copy(update={"parameters": filled(part, model.name, {**suited, **given.parameters})})

    model = run.model.model_copy(
        update={
            "acoustic": sized("acoustic", run.model.acoustic, given.model.acoustic),
            "vocoder": sized("vocoder", run.model.vocoder, given.model.vocoder),
        }
    )
    suited_batch = GPU_BATCH_SECONDS if around.on_gpu else BATCH_SECONDS
    batch = kept.batch_seconds if kept is not None else suited_batch
    training = run.training.model_copy(update={"batch_seconds": run.training.batch_seconds or batch})
    return run.model_copy(update={"model": model, "training": training})


def settings_of(run: TrainingRun, device: torch.device) -> TrainingSettings:
    """What a settled run trains with on a device, by this process."""
    dtype = choose(run.training.precision, device).dtype
    return TrainingSettings(
        device=torch.cuda.get_device_name(device)[:64] if device.type == "cuda" else device.type,
        precision={torch.bfloat16: "bf16", torch.float16: "fp16"}.get(dtype, "fp32") if dtype else "fp32",
        threads=torch.get_num_threads(),
        batch_seconds=run.training.batch_seconds or BATCH_SECONDS,
        acoustic_parameters=run.model.acoustic.parameters,
        vocoder_parameters=run.model.vocoder.parameters,
    )


def keep(settings: TrainingSettings, given: TrainingRun, folder: Path) -> None:
    """Write the settings into the folder of the run, for the next attempt."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(_file(folder, digest(given)), settings.model_dump_json(by_alias=True, indent=1).encode())


def _kept(folder: Path, run_sha256: str) -> TrainingSettings | None:
    """The settings of an earlier attempt of the same run, if there was one."""
    try:
        return TrainingSettings.model_validate_json(_file(folder, run_sha256).read_text())
    except (OSError, ValueError):
        return None


def _file(folder: Path, run_sha256: str) -> Path:
    """The file of a run's settings. Each run has its own, so that a run which is refused in the folder of another one
    changes nothing there."""
    return folder / f"settings-{run_sha256[:16]}.json"
