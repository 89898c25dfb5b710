"""Gives tests a real browser: Debian's Chromium without a screen, unpacked into the cache and driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from devcluster import debian, parts

# Its data lies in the second, beside it and nowhere else.
PACKAGES = dict.fromkeys(("chromium-headless-shell", "chromium-common"), "156.0.8078.79-1~deb12u1")
PROGRAM = "usr/lib/chromium/chromium-headless-shell"


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser without windows. Where there is no apt, it is the one that Playwright has installed."""
    with sync_playwright() as playwright:
        folder = debian.unpacked("browser", PACKAGES) if shutil.which("apt-get") else None
        # Root has no sandbox; what is opened is this project's own page.
        running = playwright.chromium.launch(
            executable_path=folder / PROGRAM if folder else None,
            env=dict(parts.environment(folder)) if folder else None,
            chromium_sandbox=False,
        )
        try:
            yield running
        finally:
            running.close()
