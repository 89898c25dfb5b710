"""Turns the signals that end a program into one exception, so that everything that was begun is undone, once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody ended the demo: Ctrl-C, or a signal. ``exit_status`` is what a shell expects then."""

    def __init__(self, number: int) -> None:
        words = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"Stopped by {words}; nothing runs any more. `make demo` starts again.")
        self.exit_status = 128 + number


class _Received:
    """The first signal that came, and whether it has to wait; all of the process has one."""

    first: Stopped | None = None
    waits = 0


def raise_stopped() -> None:
    """Raise ``Stopped`` in the main thread at the first of the signals; the later ones do not disturb the clean-up."""
    for number in SIGNALS:
        signal.signal(number, _receive)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def hold() -> None:
    """Keep the signals waiting until the next ``raise_stopped``, also over an ``exec``."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


@contextmanager
def deferred() -> Iterator[None]:
    """Let a signal wait until the block is left: what starts or ends in it does so as a whole."""
    _Received.waits += 1
    before = _Received.first
    try:
        yield
    finally:
        _Received.waits -= 1
    if _Received.first is not before and _Received.first is not None and not _Received.waits:
        raise _Received.first


def until_stopped(run: Callable[[], int], say: Callable[[str], None]) -> int:
    """Return what ``run`` returns, or after a signal its exit status, when one line was said."""
    try:
        return run()
    except Stopped as stopped:
        say(str(stopped))
        return stopped.exit_status
    except Exception:
        # An exception that comes out of a signal's handler may meet code that makes another one of it.
        if _Received.first is None:
            raise
        say(str(_Received.first))
        return _Received.first.exit_status


def _receive(number: int, _: FrameType | None) -> None:
    if _Received.first is None:
        _Received.first = Stopped(number)
        if not _Received.waits:
            raise _Received.first
