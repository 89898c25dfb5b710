"""The page at ``/``, where a visitor types a text, chooses a voice and listens while it streams. Its script and style
are in ``page.html``, which loads nothing from other servers."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib.resources import files
from string import Template

from fastapi.responses import HTMLResponse


def page(model: str, most_characters: int) -> HTMLResponse:
    """Return the page for a model, with a content security policy that lets it load nothing from elsewhere."""
    template = Template(files("tts_workloads.serving.http").joinpath("page.html").read_text(encoding="utf-8"))
    text = template.substitute(model=html.escape(model), most=most_characters)
    policy = [
        "default-src 'none'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        f"script-src {_hash('script', text)}",
        f"style-src {_hash('style', text)}",
    ]
    headers = {"Content-Security-Policy": "; ".join(policy), "X-Content-Type-Options": "nosniff"}
    return HTMLResponse(text, headers=headers)


def _hash(element: str, text: str) -> str:
    """Return the source expression by which a content security policy allows the page's one element of this name."""
    found = re.search(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
    content = found[1] if found else ""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
