"""Checks a corpus before a training does. ``python -m tts_workloads.data.check FOLDER`` prints the problems by file and
line, or the corpus's statistics. It exits with 64 where a training would refuse the corpus."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tts_api.report import ExitCode
from tts_api.resources.training import AudioFeatures
from tts_workloads import text
from tts_workloads.data.corpus import read_corpus
from tts_workloads.data.formats import FORMATS
from tts_workloads.data.problems import InvalidDataset
from tts_workloads.data.user_lexicon import with_user_lexicon


def main() -> int:
    """Print the problems or the statistics. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tts_workloads.data.check", description=__doc__)
    parser.add_argument("folder", type=Path, help="the corpus")
    parser.add_argument("--format", choices=sorted(FORMATS), default="ljspeech", help="(default: %(default)s)")
    parser.add_argument("--language", choices=sorted(text.FRONT_ENDS), default="en-us", help="(default: %(default)s)")
    parser.add_argument("--sample-rate", type=int, default=22050, help="of the voice (default: %(default)s)")
    parser.add_argument("--max-invalid-clips", type=int, default=0, help="clips that may be left out (default: 0)")
    arguments = parser.parse_args()
    try:
        corpus = read_corpus(
            arguments.format,
            arguments.folder,
            AudioFeatures(sample_rate=arguments.sample_rate),
            with_user_lexicon(text.for_training(arguments.language), arguments.folder),
            arguments.max_invalid_clips,
        )
    except InvalidDataset as error:
        print("\n".join(error.problems), file=sys.stderr)
        print(error, file=sys.stderr)
        return ExitCode.BAD_INPUT
    if corpus.statistics is not None:
        print(corpus.statistics.model_dump_json(by_alias=True, indent=1))
    return ExitCode.FINISHED


if __name__ == "__main__":
    sys.exit(main())
