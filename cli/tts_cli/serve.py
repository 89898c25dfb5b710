"""Serves a voice on this machine, by the manifest of a TTSService or by its file alone. The server is the same as in a
pod (``tts_workloads.serving``)."""

from __future__ import annotations

import importlib.util
import os
import socket
from pathlib import Path

from tts_api.resources import TTSService
from tts_api.run import RunVoice
from tts_api.run_documents import service_run
from tts_cli.failure import Failure, needs, refused
from tts_cli.importing import voice_file
from tts_cli.manifests import Manifest, given
from tts_cli.output_folder import VOICE_FILE, default_folder

UNUSED = (
    "image",
    "model.persistentVolumeClaim.claimName",
    "model.persistentVolumeClaim.path",
    "replicas",
    "resources",
    "rollout",
    "template",
)
"""Fields of the spec that have no meaning on one machine."""


def serve_manifest(manifest: Manifest, voice: Path | None, host: str, port: int, api_keys: Path | None) -> int:
    """Serve until SIGTERM or Ctrl-C and return the exit code. Raises Failure."""
    service = manifest.resource(TTSService)
    path = _voice_of(service, voice)
    keys = service.spec.api_keys
    if keys is not None and api_keys is None:
        raise refused(
            f"spec.apiKeys.secretName is {keys.secret_name}, and there are no Secrets here: give --api-keys FOLDER "
            "with a key in each file, or leave spec.apiKeys out"
        )
    if keys is None and api_keys is not None:
        raise refused(
            f"--api-keys {api_keys}: {manifest.title} asks for no keys: give it spec.apiKeys, or leave it out"
        )
    _ready(host, port)
    from tts_workloads import logs
    from tts_workloads.files import sha256_of
    from tts_workloads.serving.config import of_run
    from tts_workloads.serving.process import serve

    claimed = service.spec.model.persistent_volume_claim
    digest = claimed.sha256 if claimed else sha256_of(path)
    run = service_run(service.spec, RunVoice(name=manifest.name, path=VOICE_FILE, sha256=digest))
    _say(f"{manifest.title}: serves {path}", host, port)
    if unused := given(manifest.body, UNUSED):
        print(f"not used here: {', '.join(unused)}", flush=True)
    logs.configure()
    return serve(lambda: of_run(run, path, host, port, api_keys or Path()))


def serve_file(voice: Path, host: str, port: int, api_keys: Path | None) -> int:
    """Serve a voice's file until SIGTERM or Ctrl-C and return the exit code. Raises Failure."""
    voice = voice_file(voice)
    if not voice.is_file():
        raise refused(f"there is no file {voice}: give the file of a voice, such as allison-voice/{VOICE_FILE}")
    _ready(host, port)
    from tts_workloads import logs
    from tts_workloads.serving.config import from_file
    from tts_workloads.serving.process import serve

    _say(f"serves {voice}", host, port)
    logs.configure()
    return serve(lambda: from_file(voice, host, port, api_keys))


def _voice_of(service: TTSService, given_voice: Path | None) -> Path:
    """The voice's file: the given one, in a folder or not, else what the training left in its default folder."""
    source = service.spec.model.from_training
    if given_voice is None and source is None:
        raise refused("spec.model.persistentVolumeClaim: there are no claims here: give its file with --voice FILE")
    folder = given_voice or default_folder(source.name if source else "")
    path = folder if folder.suffix == ".pt" or folder.is_file() else folder / VOICE_FILE
    if not path.is_file():
        why = f"spec.model.fromTraining.name is {source.name}, and " if source and given_voice is None else ""
        raise refused(f"{why}there is no {path}: train it first with tts run, or give its file with --voice FILE")
    return path


def _ready(host: str, port: int) -> None:
    """Refuse before PyTorch is loaded what would be refused after it."""
    if importlib.util.find_spec("torch") is None:
        raise needs("PyTorch", "cli,workloads,torch")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        # Python adds the address to the reason, and a name that is not known has no number of the system's.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise Failure(f"cannot listen on {host}:{port}: {reason}: give another --port or --host") from None


def _say(what: str, host: str, port: int) -> None:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    print(f"{what} at http://{address}/, a page to type and listen; Ctrl-C ends it", flush=True)
