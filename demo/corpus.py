"""The demo's corpus: Debian's English Asterisk prompts (one speaker, 22 minutes, CC-BY-SA-3.0) as an LJSpeech folder.

    ./tools/demo-corpus --output corpus

The packages are fetched with apt-get and unpacked with dpkg-deb, which needs no root; nothing of them is part of this
project. Lines that describe a sound instead of transcribing speech are left out, and the two clips that
are longer than a clip may be.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soundfile

from devcluster.timing import timed
from tts_workloads.limits import LONGEST_SECONDS

PACKAGES = ("asterisk-core-sounds-en", "asterisk-core-sounds-en-g722")
SAMPLE_RATE = 16000
LICENCE = (
    "Asterisk English prompts, spoken by Allison Smith, copyright Digium, CC-BY-SA-3.0 "
    "(Debian packages asterisk-core-sounds-en and asterisk-core-sounds-en-g722).\n"
)
_TRANSCRIPTS = Path("usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_SOUNDS = Path("usr/share/asterisk/sounds/en_US_f_Allison")


class CorpusUnavailable(Exception):
    """The packages could not be fetched; the message says what to do."""


def prepare() -> Path:
    """Return the corpus in the user's cache, made once for each version of this module. Raises CorpusUnavailable."""
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tts-operator"
    folder = cache / f"asterisk-en-{key}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch) / "corpus"
            with timed("Corpus: fetch and decode"):
                write(made)
            try:
                made.rename(folder)
            except OSError:
                if not folder.exists():  # another process was quicker
                    raise
    return folder


def write(folder: Path) -> int:
    """Write ``metadata.csv`` and ``wavs/`` into a new folder; returns the number of clips. Raises CorpusUnavailable."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _fetch(root)
        clips = list(_transcripts(gzip.decompress((root / _TRANSCRIPTS).read_bytes()).decode("utf-8"), root / _SOUNDS))
        (folder / "wavs").mkdir(parents=True)
        lines = []
        for name, text, source in clips:
            samples = decode(source)
            if len(samples) <= LONGEST_SECONDS * SAMPLE_RATE:
                soundfile.write(folder / "wavs" / f"{name}.wav", samples, SAMPLE_RATE, subtype="PCM_16")
                lines.append(f"{name}|{text}")
        (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "LICENCE").write_text(LICENCE)
    return len(lines)


def _fetch(root: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise CorpusUnavailable(
            "the corpus is made of Debian packages, and apt-get and dpkg-deb are not here: make it on a Debian or "
            "Ubuntu machine with `./tools/demo-corpus --output corpus` and copy the folder"
        )
    run = subprocess.run(["apt-get", "download", *PACKAGES], cwd=root, capture_output=True, text=True, check=False)
    if run.returncode:
        raise CorpusUnavailable(f"apt-get download failed: {run.stderr.strip()} (`apt-get update` may help)")
    for package in sorted(root.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)


def _transcripts(text: str, sounds: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield name, transcript and sound file of each line that transcribes speech and has a sound."""
    for line in text.splitlines():
        name, separator, words = line.partition(":")
        words = " ".join(words.split())
        if not separator or name.startswith((";", "silence/")) or not words or re.search(r"[\[\]<>()|]", words):
            continue
        source = sounds / f"{name}.g722"
        if source.exists():
            yield name.replace("/", "-"), words, source


def decode(path: Path) -> np.ndarray:
    """Return a G.722 file as samples ``[n]`` int16 at 16 kHz, mono."""
    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.int16)


def main() -> None:
    """Write the corpus where the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--output", type=Path, help="the folder to make")
    where.add_argument("--cached", action="store_true", help="make it in the user's cache, if it is not there")
    chosen = parser.parse_args()
    output: Path | None = chosen.output
    if output and output.exists():
        parser.error(f"--output {output} exists already: name a folder that does not")
    try:
        if output:
            print(f"{write(output)} clips in {output}")
        else:
            print(f"corpus: {prepare()}")
    except CorpusUnavailable as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
