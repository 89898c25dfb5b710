"""Writes the files that are derived from the types: the CRDs, the admission policy, the RBAC rules and the
API reference.

``make generate`` runs it. A test fails when a file in the repository differs from what it would write.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from tts_api import admission, crd, rbac, reference

HEADER = "# Generated from tts_api by `make generate`: edit the types, not this file.\n"


def files() -> dict[str, str]:
    """The text of every derived file, by its path from the root of the repository."""
    chart = "charts/tts-operator/generated"
    written: dict[str, str] = {}
    for name, definition in crd.definitions().items():
        written[f"crds/{name}"] = written[f"{chart}/crds/{name}"] = HEADER + _yaml(definition)
    written[f"{chart}/admission-policy.yaml"] = HEADER + "---\n".join(
        _yaml(document) for document in admission.documents()
    )
    written[f"{chart}/rbac.yaml"] = HEADER + _yaml(rbac.roles())
    written["docs/reference.md"] = reference.render()
    return written


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


def main(root: Path) -> None:
    """Writes every derived file below ``root``."""
    for name, text in files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
