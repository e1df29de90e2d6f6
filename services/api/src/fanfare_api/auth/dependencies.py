"""What an endpoint declares to know its caller: `caller: Annotated[Caller, require(Scope.READ)]`."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from fanfare_api.auth.caller import Caller, Scope
from fanfare_api.runtime import runtime_of
from fanfare_shared.errors import UnauthenticatedError

bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer ff_…`")


async def current_caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Caller:
    """Raises UnauthenticatedError (401) without a valid key."""
    if credentials is None:
        raise UnauthenticatedError("Send Authorization: Bearer <api key>")
    caller = await runtime_of(request).keys.caller(credentials.credentials)
    if caller is None:
        raise UnauthenticatedError("The API key is unknown or revoked")
    return caller


CallerDep = Annotated[Caller, Depends(current_caller)]


def require(scope: Scope) -> Any:
    """A dependency that gives the caller, or 401, or 403 where the key lacks the scope."""

    async def caller_with_scope(caller: CallerDep) -> Caller:
        caller.require_scope(scope)
        return caller

    return Depends(caller_with_scope)


Reader = Annotated[Caller, require(Scope.READ)]
Admin = Annotated[Caller, require(Scope.ADMIN)]
DeviceWriter = Annotated[Caller, require(Scope.DEVICES)]
CampaignWriter = Annotated[Caller, require(Scope.CAMPAIGNS)]
ImageWriter = Annotated[Caller, require(Scope.IMAGES)]
