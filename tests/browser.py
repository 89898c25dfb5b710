"""A real browser for tests: Debian's Chromium without a screen, unpacked into the cache and driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.cluster import debian, parts

# Its data lies in the second, beside it and nowhere else.
PACKAGES = {name: "156.0.8078.79-1~deb12u1" for name in ("chromium-headless-shell", "chromium-common")}
PROGRAM = "usr/lib/chromium/chromium-headless-shell"


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that has no windows yet. Where there is no apt, the one that Playwright has installed."""
    with sync_playwright() as playwright:
        options = {}
        if shutil.which("apt-get") is not None:
            folder = debian.unpacked("browser", PACKAGES)
            options = {"executable_path": folder / PROGRAM, "env": parts.environment(folder)}
        # Without root's sandbox: what it opens is this project's own page.
        running = playwright.chromium.launch(chromium_sandbox=False, **options)
        try:
            yield running
        finally:
            running.close()
