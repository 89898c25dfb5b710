"""``tts`` and ``python -m tts_cli``."""

from __future__ import annotations

import importlib.util
import sys


def main() -> None:
    """Run the command line."""
    missing = [name for name in ("typer", "rich", "yaml", "httpx", "cel") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"tts: {', '.join(missing)} is not installed: pip install 'tts-operator[cli,workloads,torch]'")
    from tts_cli.app import app

    app()


if __name__ == "__main__":
    main()
