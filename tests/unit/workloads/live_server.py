"""A service on a port of its own, in a thread of the test's process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.served_voice import SynthesisSpeed


@contextmanager
def live(service: Service, voice: LoadedVoice) -> Iterator[str]:
    """The address of the service, which speaks with this voice."""
    server = uvicorn.Server(
        uvicorn.Config(make_app(service), port=0, log_config=None, access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    service.start(voice, SynthesisSpeed(0.01, 0.01, 0.001))
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        assert service.engine is not None
        service.engine.close()
