"""Checks manifests and corpora before a training does: everything that is wrong with a manifest, and what a training
would report about a corpus."""

from __future__ import annotations

from pathlib import Path

from tts_api.report import ExitCode
from tts_api.resources import TTSTraining
from tts_api.run import RunDataset
from tts_api.run_documents import run_dataset
from tts_cli.failure import refused
from tts_cli.manifests import Manifest, read
from tts_cli.train import corpus_folder


def check(paths: list[Path], alone: RunDataset | None) -> int:
    """Check files of manifests and folders of corpora, print what was found, and return the exit code.

    With manifests of trainings, each corpus is read as these say, otherwise as ``alone`` says; None is how a manifest
    would read it that leaves everything out. Raises Failure where a path cannot be read.
    """
    if missing := [str(path) for path in paths if not path.exists()]:
        raise refused(f"there is no {' and no '.join(missing)}: give manifests, or folders of corpora")
    files = {path: read(path) for path in paths if not path.is_dir()}
    for path, file in files.items():
        if file.others:
            print(f"{path}: not checked: {', '.join(file.others)}")
    manifests = [manifest for file in files.values() for manifest in file.manifests]
    folders = [path for path in paths if path.is_dir()]
    bad = [manifest for manifest in manifests if not _manifest_is_good(manifest)]
    if bad:
        return ExitCode.BAD_INPUT
    good = True
    trainings = [manifest.resource(TTSTraining) for manifest in manifests if manifest.kind.model is TTSTraining]
    if trainings and alone is not None:
        raise refused(
            "--format, --language, --sample-rate and --max-invalid-clips: the manifest says these: leave them out"
        )
    for folder in folders:
        ways = [(corpus_folder(folder, training), run_dataset(training.spec)) for training in trainings]
        for corpus, dataset in ways or [(folder, alone or RunDataset(format="ljspeech", language="en-us", audio={}))]:
            good = _corpus_is_good(corpus, dataset) and good
    return ExitCode.FINISHED if good else ExitCode.BAD_INPUT


def _manifest_is_good(manifest: Manifest) -> bool:
    problems = manifest.problems()
    for problem in problems:
        print(f"{manifest.file}: {manifest.title}: {problem}")
    if not problems:
        print(f"{manifest.file}: {manifest.title} is valid")
    return not problems


def _corpus_is_good(folder: Path, dataset: RunDataset) -> bool:
    from tts_workloads.data.check import statistics_of
    from tts_workloads.data.problems import InvalidDataset

    try:
        print(statistics_of(folder, dataset))
    except InvalidDataset as error:
        print("\n".join(error.problems))
        print(error)
        return False
    return True
