"""The model card as a page for people, in Markdown."""

from __future__ import annotations

from tts_api.resources.training import AcousticModel, Vocoder
from tts_api.voice import VoiceCard


def page(card: VoiceCard) -> str:
    """What the voice is, what it was made of and how good it is."""
    made, quality = card.provenance, card.evaluation
    rows = [
        ("Languages", ", ".join(card.languages)),
        ("Speakers", ", ".join(card.speakers)),
        ("Sample rate", f"{card.audio.sample_rate} Hz"),
        ("Acoustic model", _model(card.model.acoustic, made.acoustic_from)),
        ("Vocoder", _model(card.model.vocoder, made.vocoder_from)),
        (
            "Front end",
            f"{card.front_end.name}, version {card.front_end.version}, {len(card.front_end.symbols)} symbols",
        ),
        ("Trained on", f"{made.clips} clips, {made.seconds / 60:.1f} minutes, {made.steps} steps"),
        ("Corpus digest", f"`{made.data_sha256}`"),
        ("Run digest", f"`{made.run_sha256}`"),
        ("Written", f"{made.created_at} by PyTorch {made.torch}"),
    ]
    measured = [
        ("Held-out clips", None if quality is None else str(quality.clips)),
        ("Mel loss (nepers)", _number(quality.mel_loss if quality else None)),
        ("Mel-cepstral distortion (dB)", _number(quality.mel_cepstral_distortion if quality else None)),
        ("Pitch error (cents)", _number(quality.pitch_error_cents if quality else None)),
        ("Voicing error (share of frames)", _number(quality.voicing_error if quality else None)),
        ("Duration error (ms)", _number(quality.duration_error_milliseconds if quality else None)),
        ("Real-time factor", _number(quality.real_time_factor if quality else None)),
    ]
    return "\n".join([
        f"# {card.name}",
        "",
        "A voice in one TorchScript file, trained from recorded speech. What a listener hears is made by a machine and",
        "should be called so. The licence of the recordings applies to the voice.",
        "",
        *_table("property", rows),
        "",
        "## Quality on clips that it was not trained on",
        "",
        *_table("measure", [(name, value) for name, value in measured if value is not None]),
        "",
        "`alignment.png` shows which symbol is heard when, `loss.png` the loss over the steps; `samples/` has held-out",
        "clips as they were recorded and as the voice says them.",
        "",
    ])  # fmt: skip


def _model(model: AcousticModel | Vocoder, source: str | None) -> str:
    sizes = ", ".join(f"{name} {value:g}" for name, value in model.parameters.items())
    described = f"{model.name} ({sizes})" if sizes else model.name
    if source is None or model.from_training is None:
        return described
    return f"{described}, from that of the training {model.from_training.name} (voice `{source}`)"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _table(what: str, rows: list[tuple[str, str]]) -> list[str]:
    return [f"| {what} | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]
