"""What only a bucket has: a server that may be down or silent, multipart uploads, links past us."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.config import Config

from fanfare_shared.errors import StorageUnavailableError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.attachments import content_disposition
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.storage.port import Storage
from fanfare_shared.testing.object_stores import s3_storage_settings
from fanfare_shared.testing.proxies import SilenceableProxy, silenceable

LONG = bytes(20 * 1024 * 1024)

# Every way to ask: each must end in an error, none may wait for ever.
ASK: dict[str, Callable[[Storage], object]] = {
    "put": lambda storage: storage.put("a", b"bytes", "image/png"),
    "stream put": lambda storage: storage.put("a", iter([LONG]), "image/png"),
    "get": lambda storage: storage.get("a"),
    "head": lambda storage: storage.head("a"),
    "list": lambda storage: list(storage.list()),
    "delete": lambda storage: storage.delete(["a"]),
    "copy": lambda storage: storage.copy("a", "b"),
    "ready": lambda storage: storage.ensure_ready(),
    "async put": lambda storage: asyncio.run(storage.put_async("a", b"bytes", "image/png")),
    "async get": lambda storage: asyncio.run(storage.get_async("a")),
    "async ready": lambda storage: asyncio.run(storage.ensure_ready_async()),
}


def unfinished_uploads(settings: StorageSettings) -> int:
    bucket = urlsplit(settings.storage_url).netloc
    answer = httpx.get(f"{settings.storage_s3_endpoint}/{bucket}?uploads", trust_env=False, timeout=30)
    return answer.raise_for_status().text.count("<Upload>")


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that is taken, so that no other process gets it, but not listened on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK.keys())
def test_a_server_that_is_down_is_an_error(refusing_port: int, ask: Callable[[Storage], object]) -> None:
    storage = open_storage(s3_storage_settings(f"http://127.0.0.1:{refusing_port}", "s3://bucket"))
    with pytest.raises(StorageUnavailableError):
        ask(storage)


@pytest.fixture
def proxy(s3_settings: StorageSettings) -> Iterator[tuple[SilenceableProxy, StorageSettings]]:
    """The S3 server behind a proxy."""
    with silenceable(s3_settings.storage_s3_endpoint or "") as (proxy, endpoint):
        yield proxy, s3_storage_settings(endpoint, s3_settings.storage_url)


def impatient(settings: StorageSettings) -> Storage:
    """With a time-out that a test can wait for; nothing may be asked of it that has to succeed."""
    return open_storage(settings.model_copy(update={"storage_timeout_seconds": 1.0}))


@pytest.mark.parametrize("name", ["stream put", "get", "async put"])
def test_a_server_that_never_answers_is_an_error(proxy: tuple[SilenceableProxy, StorageSettings], name: str) -> None:
    silent, settings = proxy
    open_storage(settings).put("a", b"before", "image/png")
    silent.silence()
    with pytest.raises(StorageUnavailableError):
        ASK[name](impatient(settings))


def test_a_server_that_falls_silent_while_an_upload_streams_is_an_error(
    proxy: tuple[SilenceableProxy, StorageSettings],
) -> None:
    silent, settings = proxy

    def source() -> Iterator[bytes]:
        yield LONG
        silent.silence()
        for _ in range(10):
            yield LONG

    with pytest.raises(StorageUnavailableError):
        impatient(settings).put("a", source(), "image/png")


def test_storage_works_again_when_its_server_does(proxy: tuple[SilenceableProxy, StorageSettings]) -> None:
    refusing, settings = proxy
    storage = open_storage(settings)
    storage.put("a", b"bytes", "image/png")
    refusing.refuse()
    with pytest.raises(StorageUnavailableError):
        storage.get("a")
    refusing.admit()
    assert storage.get("a") == b"bytes"


def test_a_bucket_that_is_not_there_is_unavailable_not_empty(s3_server: str) -> None:
    storage = open_storage(s3_storage_settings(s3_server, "s3://fanfare-no-such-bucket"))
    for ask in ("put", "get", "list", "ready"):
        with pytest.raises(StorageUnavailableError):
            ASK[ask](storage)


async def test_uploads_that_end_early_leave_no_parts_in_the_bucket(s3_settings: StorageSettings) -> None:
    storage = open_storage(s3_settings)
    seen: list[int] = []

    def broken() -> Iterator[bytes]:
        yield LONG
        seen.append(unfinished_uploads(s3_settings))
        raise LookupError

    with pytest.raises(LookupError):
        storage.put("a", broken(), "image/png")
    assert seen == [1]
    assert unfinished_uploads(s3_settings) == 0

    waiting = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield LONG
        waiting.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(storage.put_async("a", slow(), "image/png"))
    await waiting.wait()
    assert unfinished_uploads(s3_settings) == 1
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert unfinished_uploads(s3_settings) == 0


def test_a_link_puts_and_gets_past_us(s3_settings: StorageSettings) -> None:
    storage = open_storage(s3_settings)
    name = "사진 1.jpg"
    upload = storage.upload_link("originals/한글 a", 60, size=5, media_type="image/jpeg")
    download = storage.download_link("originals/한글 a", 60, filename=name, media_type="image/png")
    assert upload is not None
    assert download is not None
    httpx.put(upload.url, content=b"bytes", headers=upload.headers, trust_env=False, timeout=30).raise_for_status()
    assert storage.get("originals/한글 a") == b"bytes"
    answer = httpx.get(download.url, trust_env=False, timeout=30).raise_for_status()
    assert answer.content == b"bytes"
    assert answer.headers["content-disposition"] == content_disposition(name)
    assert answer.headers["content-type"] == "image/png"


def test_the_bucket_keeps_the_media_type(s3_settings: StorageSettings) -> None:
    open_storage(s3_settings).put("a", b"bytes", "image/avif")
    open_storage(s3_settings).put("b", iter([LONG]), "image/avif")
    client = boto3.client(
        "s3",
        endpoint_url=s3_settings.storage_s3_endpoint,
        region_name=s3_settings.storage_s3_region,
        aws_access_key_id="test",
        aws_secret_access_key="test-secret",
        config=Config(proxies={}),
    )
    bucket, prefix = s3_settings.storage_url.removeprefix("s3://").split("/", 1)
    for key in ("a", "b"):
        assert client.head_object(Bucket=bucket, Key=f"{prefix}/{key}")["ContentType"] == "image/avif"


def test_plain_http_is_spoken_only_where_the_endpoint_says_so(s3_settings: StorageSettings) -> None:
    https = (s3_settings.storage_s3_endpoint or "").replace("http://", "https://")
    with pytest.raises(StorageUnavailableError):
        open_storage(s3_storage_settings(https, s3_settings.storage_url)).ensure_ready()
