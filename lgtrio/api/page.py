"""`GET /docs`: the API as a page to read and to try out.

It is Swagger UI. Its built files come from the package `flask-swagger-ui`, which brings each
release of it, and are served from here: the page needs no other server, and its content security
policy lets it ask none.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from attrs import frozen
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse

from lgtrio.errors import NotFound

_PACKAGE: Final = "flask_swagger_ui"
_TYPES: Final[Mapping[str, str]] = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
"""What of that package the page uses."""
_HTML: Final = "text/html; charset=utf-8"
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline';"
    " base-uri 'none'; form-action 'none'; object-src 'none'"
)
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>lgtrio API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<noscript>This page needs JavaScript; what it shows is in <a href="openapi.json">openapi.json</a>.
</noscript>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# The validator would be somebody else's server. All paths are relative: the page works behind a
# proxy that serves it under a path of its own.
_START: Final = """\
SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "openapi.json",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
});
"""


@frozen
class PageRoutes:
    async def page(self) -> Response:
        headers = {"Content-Security-Policy": _POLICY}
        return TrioResponse(_PAGE, headers=headers, content_type=_HTML)

    async def asset(self, name: str) -> Response:
        """What the page consists of.

        Raises:
            NotFound: nothing of it has this name.
        """
        if name == "start.js":
            return _asset(_START.encode(), "text/javascript; charset=utf-8")
        if name not in _TYPES:
            raise NotFound("Not Found")
        return _asset(files(_PACKAGE).joinpath("dist", name).read_bytes(), _TYPES[name])


def _asset(body: bytes, content_type: str) -> Response:
    headers = {"Cache-Control": "max-age=3600"}
    return TrioResponse(body, headers=headers, content_type=content_type)
