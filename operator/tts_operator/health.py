"""The operator's own endpoints: /healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a second time series, which is not needed


async def serve(port: int, *, alive: Callable[[], bool], ready: Callable[[], bool]) -> web.AppRunner:
    """Start to answer on all addresses. ``alive`` and ``ready`` are asked at each probe."""

    async def healthz(_: web.Request) -> web.Response:
        return _answer(alive(), "the watches have ended")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(ready(), "the caches are not filled yet")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner


def _answer(good: bool, otherwise: str) -> web.Response:
    return web.Response(text="ok") if good else web.Response(text=otherwise, status=503)
