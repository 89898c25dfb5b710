"""The demo once everything is built, with the installed Python packages: ``python -m demo.run STATE``.

``demo.__main__`` becomes this program. Signals wait until it can handle them.
"""

from __future__ import annotations

import sys

from demo import signals
from demo.screen import Screen


def main() -> int:
    """Return the exit status: 0, 1 with one message, or what a shell expects after a signal."""
    screen = Screen()
    signals.raise_stopped()

    def demo() -> int:
        from demo.flow import run

        return run(sys.argv[1], screen)

    return signals.until_stopped(demo, screen.say)


if __name__ == "__main__":
    sys.exit(main())
