"""How a command ends that cannot do what it was asked for: one message on standard error and an exit code."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from tts_api.report import ExitCode

Arguments = ParamSpec("Arguments")


class Failure(Exception):
    """Why a command failed. The message tells the user what is wrong, where, and the remedy."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def refused(message: str) -> Failure:
    """The failure of a command that was given something wrong, so that running it again would not help."""
    return Failure(message, ExitCode.BAD_INPUT)


def told(command: Callable[Arguments, int]) -> Callable[Arguments, None]:
    """Turn a function that returns an exit code into a command that exits with it, and a failure into its message."""

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except Failure as failure:
            typer.echo(f"tts: {failure}", err=True)
            code = failure.code
        except KeyboardInterrupt:
            typer.echo("tts: interrupted", err=True)
            code = 130
        except BrokenPipeError:
            # Whoever read the output has gone, and Python would complain when it closes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 1
        raise typer.Exit(int(code))

    # typer reads the annotations of the function that it is given.
    run.__annotations__ = {**command.__annotations__, "return": None}
    return run


def needs(package: str, extras: str) -> Failure:
    """The failure of a command whose packages are not installed."""
    return Failure(f"{package} is not installed: pip install 'tts-operator[{extras}]'")
