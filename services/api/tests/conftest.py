"""A running api on the session's own servers, and clients with every kind of key."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI
from kombu import Message
from psycopg.rows import dict_row
from pydantic import SecretStr

from fanfare_api.app import create_app
from fanfare_api.settings import ApiSettings
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.crypto import api_key_digest, new_api_key
from fanfare_shared.db.connection import Ledger
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from fanfare_shared.testing.brokers import QueueReader

BOOTSTRAP_KEY = "ff_bootstrap-for-tests"
SIGNING_KEY = "a-signing-key-for-tests-of-32-characters"

MakeClient = Callable[..., httpx.AsyncClient]
MakeAccount = Callable[..., dict[str, Any]]
TakeHint = Callable[..., Message]


@pytest.fixture(scope="session")
def api_settings(
    database_settings: DatabaseSettings,
    broker_settings: BrokerSettings,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> ApiSettings:
    return ApiSettings(
        database_url=database_settings.database_url,
        broker_url=broker_settings.broker_url,
        redis_url=SecretStr(redis_url),
        encryption_keys=SecretStr(Fernet.generate_key().decode()),
        signing_keys=SecretStr(SIGNING_KEY),
        bootstrap_api_key=SecretStr(BOOTSTRAP_KEY),
        storage_url=tmp_path_factory.mktemp("storage").as_uri(),
        credentials_dir=tmp_path_factory.mktemp("credentials"),
    )


@asynccontextmanager
async def _running(settings: ApiSettings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


RunApp = Callable[[ApiSettings], AbstractAsyncContextManager[FastAPI]]


@pytest.fixture(scope="session")
def run_app() -> RunApp:
    """Runs an app with other settings, e.g. with a server that is not there."""
    return _running


@pytest.fixture(scope="session")
async def running_app(api_settings: ApiSettings) -> AsyncIterator[FastAPI]:
    async with _running(api_settings) as app:
        yield app


@pytest.fixture
async def app(running_app: FastAPI, clean_ledger: Ledger) -> FastAPI:
    """The running app on an empty ledger, remembering no key."""
    running_app.state.runtime.keys.forget()
    return running_app


@pytest.fixture
async def make_client(app: FastAPI, ledger: Ledger) -> AsyncIterator[MakeClient]:
    """Makes clients: `make_client("read", "devices", app_ids=[...])` has a new key with those scopes, `key=` a given one."""
    clients: list[httpx.AsyncClient] = []

    def make(
        *scopes: str, app_ids: list[UUID] | None = None, key: str | None = None, **headers: Any
    ) -> httpx.AsyncClient:
        if key is None:
            key = insert_api_key(ledger, scopes, app_ids)
        # An error of the app's own fails the test as a 500 would a caller: it is an answer, not an exception.
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        client = httpx.AsyncClient(transport=transport, base_url="http://api", headers=authorization | headers)
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def client(make_client: MakeClient) -> httpx.AsyncClient:
    """A client with a key of all scopes."""
    return make_client("admin")


def insert_api_key(ledger: Ledger, scopes: tuple[str, ...], app_ids: list[UUID] | None = None) -> str:
    key = new_api_key()
    with ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO api_keys (id, name, key_digest, scopes, app_ids, created_by) VALUES (%s, %s, %s, %s, %s, 'test')",
            (
                uuid7(),
                f"test {' '.join(scopes)}",
                api_key_digest(key),
                list(scopes),
                None if app_ids is None else [str(app_id) for app_id in app_ids],
            ),
        )
    return key


@pytest.fixture(scope="session")
def service_account() -> MakeAccount:
    """Makes a service account's JSON with a real key, changed where the test says so."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def make(project_id: str = "news-1", **changes: Any) -> dict[str, Any]:
        return {
            "type": "service_account",
            "project_id": project_id,
            "private_key_id": "1",
            "private_key": pem,
            "client_email": f"sender@{project_id}.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        } | changes

    return make


@pytest.fixture
def bootstrap_client(make_client: MakeClient) -> httpx.AsyncClient:
    return make_client(key=BOOTSTRAP_KEY)


@pytest.fixture
def app_id(clean_ledger: Ledger) -> UUID:
    """An app in the ledger."""
    return insert_app(clean_ledger, "demo")


def insert_app(ledger: Ledger, name: str) -> UUID:
    app_id = uuid7()
    with ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO apps (id, name, firebase_project_id, credentials_secret, quota_per_minute, "
            "webhook_secret_encrypted) VALUES (%s, %s, %s, 'demo.json', 600000, '')",
            (app_id, name, f"project-{name}"),
        )
    return app_id


@pytest.fixture
def ledger_rows(ledger: Ledger) -> Callable[..., list[dict[str, Any]]]:
    """`ledger_rows("images", owner="me")`: the rows of a table with these values, by their first column."""

    def select(table: str, **values: Any) -> list[dict[str, Any]]:
        conditions = " AND ".join(f"{name} = %({name})s" for name in values) or "true"
        with ledger.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(f"SELECT * FROM {table} WHERE {conditions} ORDER BY 1", values).fetchall()

    return select


@pytest.fixture
def take_hint(clean_broker: BrokerSettings) -> TakeHint:
    """`take_hint(Queue.CAMPAIGNS, campaign_id=...)`: the message about that, with its headers and its payload.

    A hint leaves on a thread of its own, so one of the test before may still have come: it is passed over.
    """

    def take(queue: Queue, **about: Any) -> Message:
        with QueueReader(clean_broker) as reader:
            while True:
                taken = reader.take(queue)
                envelope = taken.payload[1]["message"]
                if all(envelope.get(name) == str(value) for name, value in about.items()):
                    return taken

    return take


@pytest.fixture
def stored_keys(app: FastAPI) -> Callable[[], set[str]]:
    """The keys of all objects in the app's storage; none when the test begins."""
    storage = app.state.runtime.storage()
    storage.delete([found.key for found in storage.list()])
    return lambda: {found.key for found in storage.list()}


@pytest.fixture
def upload(client: httpx.AsyncClient) -> Callable[..., Any]:
    """Posts files, each a name and its bytes, and fields to `/v1/images`."""

    async def post(*files: tuple[str, bytes], **fields: Any) -> httpx.Response:
        return await client.post("/v1/images", files=[("files", file) for file in files], data=fields)

    return post
