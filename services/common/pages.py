"""Pages beside a service's own routes: health, metrics, its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.common.asgi import App, Receive, Scope, Send, answer, refuse


def by_path(pages: Mapping[str, App], otherwise: App) -> App:
    """``pages`` at their exact paths, read only; everything else goes on to ``otherwise``."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        page = pages.get(scope["path"])
        if page is None:
            return await otherwise(scope, receive, send)
        if scope["method"] not in ("GET", "HEAD"):
            return await refuse(send, 405, "method", "use GET", headers=[(b"allow", b"GET, HEAD")])
        return await page(scope, receive, send)

    return app


def json_page(document: Mapping[str, Any]) -> App:
    """``document``, which does not change, as JSON."""
    content = json.dumps(document).encode()

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, 200, content, content_type=b"application/json")

    return page
