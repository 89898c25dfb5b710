"""The model card as a page for people, in Markdown."""

from __future__ import annotations

from tts_api.report import Evaluation
from tts_api.resources.training import AcousticModel, Vocoder
from tts_api.voice import VoiceCard
from tts_workloads.training.finish.plain_numbers import plain


def page(card: VoiceCard) -> str:
    """The page: what the voice is, what it was trained on and how good it is."""
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
        ("Trained on", f"{made.clips} clips, {plain(round(made.seconds / 60, 1))} minutes, {made.steps} steps"),
        ("Corpus digest", f"`{made.data_sha256}`"),
        ("Run digest", f"`{made.run_sha256}`"),
        ("Written", f"{made.created_at} by PyTorch {made.torch}"),
    ]
    measured = [] if quality is None else _measured(quality)
    return "\n".join(
        [
            f"# {card.name}",
            "",
            "A voice in one TorchScript file, trained from recorded speech. What a listener hears is made by a machine",
            "and should be called so. The licence of the recordings applies to the voice.",
            "",
            *_table("property", rows),
            "",
            "## Quality on clips that it was not trained on",
            "",
            *_table("measure", measured),
            "",
            "`alignment.png` shows which symbol is heard when, `loss.png` the loss over the steps; `samples/` has",
            "held-out clips as they were recorded and as the voice says them.",
            "",
        ]
    )


def _measured(quality: Evaluation) -> list[tuple[str, str]]:
    rows = [
        ("Held-out clips", quality.clips, None),
        ("Mel loss (nepers)", quality.mel_loss, None),
        ("Mel-cepstral distortion (dB)", quality.mel_cepstral_distortion, None),
        ("Pitch error (cents)", quality.pitch_error_cents, None),
        ("Voicing error (share of frames)", quality.voicing_error, None),
        ("Duration error (ms)", quality.duration_error_milliseconds, None),
        ("Spread of pitch (the recordings: 1)", quality.pitch_spread, None),
        ("Spread of durations (the recordings: 1)", quality.duration_spread, None),
        ("Real-time factor", quality.real_time_factor, None),
        ("Clips listened to", quality.listened_clips, None),
        ("Word error rate of a recogniser", quality.word_error_rate, quality.recorded_word_error_rate),
        ("Character error rate of a recogniser", quality.character_error_rate, quality.recorded_character_error_rate),
        ("Predicted opinion (1 to 5)", quality.opinion_score, quality.recorded_opinion_score),
        ("Predicted opinion of copy synthesis", quality.copied_opinion_score, None),
        ("Similarity to the speaker (0 to 1)", quality.speaker_similarity, quality.recorded_speaker_similarity),
    ]
    return [(name, _number(value, recorded)) for name, value, recorded in rows if value is not None]


def _model(model: AcousticModel | Vocoder, source: str | None) -> str:
    sizes = ", ".join(f"{name} {plain(value)}" for name, value in model.parameters.items())
    described = f"{model.name} ({sizes})" if sizes else model.name
    if source is None or model.from_training is None:
        return described
    return f"{described}, from that of the training {model.from_training.name} (voice `{source}`)"


def _number(value: float, recorded: float | None) -> str:
    return plain(value) if recorded is None else f"{plain(value)} (the recordings: {plain(recorded)})"


def _table(what: str, rows: list[tuple[str, str]]) -> list[str]:
    return [f"| {what} | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]
