"""What the demo says at its end: how to go on, how to speak with the voice, and how to clean up."""

from __future__ import annotations

import socket
from pathlib import Path

SPEAK_PORT = 8000


def free_port(first: int = SPEAK_PORT, most: int = 50) -> int:
    """Return the first port from ``first`` on that nothing on this machine listens to; ``first`` if all are taken."""
    for port in range(first, first + most):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return first


def speaking(port: int) -> list[str]:
    """Return how to speak with the voice on this machine."""
    given = "" if port == SPEAK_PORT else f" PORT={port}"
    return [
        f"make speak{given}    # installs PyTorch first (8 GB); then open http://127.0.0.1:{port} and type",
        f'curl http://127.0.0.1:{port}/v1/audio/speech -d \'{{"input": "Good morning."}}\' -o hello.mp3',
    ]


def kept(state: Path, namespace: str, service: str, port: int) -> list[str]:
    """Return how to use the cluster that still runs."""
    programs, address = state.resolve() / "bin", f"http://127.0.0.1:{port}"
    return [
        f"export KUBECONFIG={state.resolve() / 'kubeconfig'}",
        f"{programs / 'kubectl'} get ttst,ttss -n {namespace}",
        f"{programs / 'helm'} list -A",
        f"{programs / 'kubectl'} port-forward -n {namespace} service/{service} {port}:80    # open {address}",
        "make cluster-down    # ends it",
    ]


def lines(
    page: Path, state: Path, cache: Path, *, is_kept: bool, has_pods: bool, namespace: str, service: str
) -> list[str]:
    """Return the last lines of a demo that has succeeded."""
    port = free_port()
    found = ["Look and listen:", f"  {page.resolve().as_uri()}", "Speak with the voice on this machine:"]
    found += [f"  {line}" for line in speaking(port)]
    if is_kept:
        found += ["The cluster runs:", *(f"  {line}" for line in kept(state, namespace, service, port))]
    elif has_pods:
        found += [
            "The cluster is taken down. To look into one with kubectl and helm (.cluster/bin):",
            "  make demo KEEP=1    # the demo again, with this voice's cluster left running",
            "  make cluster        # an empty one",
        ]
    found += [
        "Clean up:",
        f"  {'make cluster-down; ' if is_kept else ''}rm -r demo-output    # what the demo left",
        f"  rm -r {cache}    # everything that was built or installed for it",
    ]
    return found
