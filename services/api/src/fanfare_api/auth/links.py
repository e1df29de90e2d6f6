"""What may be asked for without an API key: an address whose query we signed."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials

from fanfare_api.auth.caller import Scope
from fanfare_api.auth.dependencies import bearer, current_caller
from fanfare_api.runtime import runtime_of


async def _reader_or_link(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
) -> None:
    """Raises LinkInvalidError or LinkExpiredError for a link, UnauthenticatedError or ForbiddenError for a key."""
    if "signature" in request.query_params:
        runtime_of(request).links.verify(request.method, request.url.path, request.url.query)
        return
    (await current_caller(request, credentials)).require_scope(Scope.READ)


ReaderOrLink = Depends(_reader_or_link)
"""For `dependencies=[ReaderOrLink]`: a key of scope `read`, or a link that is still good for this method and address."""
