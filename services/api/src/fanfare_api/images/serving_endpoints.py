"""An image's bytes: its original, its variants, and links to either that need no key."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response, status

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import ImageWriter
from fanfare_api.auth.links import ReaderOrLink
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.images.objects import ASK_EACH_TIME, FOR_EVER, ServedObject, serve
from fanfare_api.images.repository import get_image, variant_filename, version_of
from fanfare_api.images.schemas import LinkRequest, LinkShown
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_shared.db.tables import Original, StoredVariant
from fanfare_shared.errors import NotFoundError, OriginalDroppedError

router = APIRouter(prefix="/v1/images", tags=["images"], route_class=LedgerRoute)

_ORIGINAL = "original"
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes", "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "The bytes of `Range`"},
    304: {"description": "Those of `If-None-Match` are the present ones"},
}

RuntimeDep = Annotated[Runtime, Depends(runtime_of)]


@router.get(
    "/{image_id}/original",
    summary="Download an original",
    response_class=Response,
    responses=_BYTES | {410: {"description": "`ORIGINAL_DROPPED`: removed for its age; the variants are there"}},
    dependencies=[ReaderOrLink],
)
@router.head("/{image_id}/original", summary="What a download of the original would be", dependencies=[ReaderOrLink])
async def original(image_id: UUID, request: Request, runtime: RuntimeDep) -> Response:
    """As an attachment, always. With an API key, or by a link of `POST /v1/images/{image_id}/links`."""
    async with runtime.sessions() as session:
        image = await get_image(session, image_id)
        found = await session.get_one(Original, image.original_id)
    if found.key is None:
        raise OriginalDroppedError
    served = ServedObject(
        key=found.key,
        size=found.size,
        media_type=found.media_type,
        etag=found.digest.hex(),
        filename=image.name,
        is_attachment=True,
        cache_control=FOR_EVER,
    )
    return await serve(request, served)


@router.get(
    "/{image_id}/variants/{name}",
    summary="Show a variant",
    response_class=Response,
    responses=_BYTES,
    dependencies=[ReaderOrLink],
)
@router.head("/{image_id}/variants/{name}", summary="What a variant would be", dependencies=[ReaderOrLink])
async def variant(image_id: UUID, name: str, request: Request, runtime: RuntimeDep, v: str | None = None) -> Response:
    """Its address in `GET /v1/images/{image_id}` has a `v`, and may be cached for ever; without `v`, or with an old one,
    this is the present variant, to be asked about each time. With an API key, or by a link.
    """
    async with runtime.sessions() as session:
        image = await get_image(session, image_id)
        found = await session.get(StoredVariant, (image_id, name))
    if found is None:
        raise _no_variant(image_id, name)
    version = version_of(found.key)
    served = ServedObject(
        key=found.key,
        size=found.size,
        media_type=found.media_type,
        etag=version,
        filename=variant_filename(image, found),
        is_attachment=False,
        cache_control=FOR_EVER if v == version else ASK_EACH_TIME,
    )
    return await serve(request, served)


@router.post(
    "/{image_id}/links",
    status_code=status.HTTP_201_CREATED,
    dependencies=[Idempotent],
    summary="Make a link to an original or a variant",
)
async def link(
    image_id: UUID, body: LinkRequest, request: Request, session: SessionDep, caller: ImageWriter, runtime: RuntimeDep
) -> LinkShown:
    """Good for GET and HEAD without an API key until it expires; nothing can take it back but the removal of the key that
    signed it from `FANFARE_SIGNING_KEYS`.
    """
    image = await get_image(session, image_id)
    path, params = f"/v1/images/{image_id}/original", {}
    if body.what != _ORIGINAL:
        found = await session.get(StoredVariant, (image_id, body.what))
        if found is None:
            raise _no_variant(image_id, body.what)
        path, params = f"/v1/images/{image_id}/variants/{found.name}", {"v": version_of(found.key)}
    elif (await session.get_one(Original, image.original_id)).key is None:
        raise OriginalDroppedError
    made = runtime.links.link("GET", path, body.expires_in, params=params)
    await record(session, request, caller, "image.link", image_id, detail=body.model_dump())
    return LinkShown(method=made.method, url=made.url, expires_at=made.expires_at)


def _no_variant(image_id: UUID, name: str) -> NotFoundError:
    return NotFoundError(f"Image {image_id} has no variant {name[:40]}")
