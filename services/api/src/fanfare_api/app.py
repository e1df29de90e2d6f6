"""The app: its routers, what is around them, and what it holds while it runs."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from redis.asyncio import Redis

from fanfare_api.api_keys.endpoints import router as api_keys
from fanfare_api.apps.endpoints import router as apps
from fanfare_api.audit.endpoints import router as audit
from fanfare_api.auth.keys import KeyRing
from fanfare_api.bulk.feed import StatsFeed
from fanfare_api.bulk.rates import RecentRates
from fanfare_api.campaigns.account_endpoints import router as campaign_account
from fanfare_api.campaigns.control_endpoints import router as campaign_control
from fanfare_api.campaigns.endpoints import router as campaigns
from fanfare_api.database import make_engine, make_sessions
from fanfare_api.dead_letters.endpoints import router as dead_letters
from fanfare_api.devices.endpoints import router as devices
from fanfare_api.devices.import_endpoint import router as device_import
from fanfare_api.folders.endpoints import router as folders
from fanfare_api.health.endpoints import router as health
from fanfare_api.http.hints import HintSender
from fanfare_api.http.metrics import RequestMetrics
from fanfare_api.http.problem_schema import PROBLEM_RESPONSES
from fanfare_api.http.problems import install_problem_handlers
from fanfare_api.http.request_ids import RequestIds
from fanfare_api.http.telemetry import telemetry
from fanfare_api.image_jobs.account_endpoints import router as image_job_account
from fanfare_api.image_jobs.archives import router as image_job_archives
from fanfare_api.image_jobs.control_endpoints import router as image_job_control
from fanfare_api.image_jobs.endpoints import router as image_jobs
from fanfare_api.images.endpoints import router as images
from fanfare_api.images.serving_endpoints import router as image_serving
from fanfare_api.runtime import Runtime
from fanfare_api.schedules.endpoints import router as schedules
from fanfare_api.settings import ApiSettings
from fanfare_api.tasks.endpoints import router as tasks
from fanfare_api.uploads.direct_endpoints import content_router as upload_content
from fanfare_api.uploads.direct_endpoints import router as direct_uploads
from fanfare_api.uploads.endpoints import router as uploads
from fanfare_api.uploads.tus_endpoints import router as resumable_uploads
from fanfare_shared import tracing
from fanfare_shared.crypto import Cipher
from fanfare_shared.images.presets import load_presets
from fanfare_shared.redis_tls import redis_tls
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.storage.signed_links import SignedLinks
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher

_DESCRIPTION = """Push campaigns to millions of devices, and bulk image jobs.

Every address under `/v1` takes `Authorization: Bearer <api key>`. Errors are problem details (RFC 9457) with a stable
`code`. Lists are newest first and paged by `cursor`. A JSON `POST` takes an `Idempotency-Key`. Slow work answers 202 with
a `task_id` to look up at `/v1/tasks/{id}`."""

ROUTERS: tuple[APIRouter, ...] = (
    apps,
    api_keys,
    audit,
    device_import,
    devices,
    campaigns,
    campaign_control,
    campaign_account,
    uploads,
    direct_uploads,
    upload_content,
    resumable_uploads,
    images,
    image_serving,
    folders,
    image_jobs,
    image_job_control,
    image_job_account,
    image_job_archives,
    tasks,
    dead_letters,
    schedules,
    health,
)


def create_app(settings: ApiSettings) -> FastAPI:
    app = FastAPI(
        title="Fanfare",
        version="1",
        description=_DESCRIPTION,
        lifespan=_lifespan,
        responses=PROBLEM_RESPONSES,
        telemetry=telemetry(settings),
    )
    app.state.settings = settings
    for router in ROUTERS:
        app.include_router(router)
    install_problem_handlers(app)
    app.add_middleware(RequestMetrics)
    app.add_middleware(RequestIds)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: ApiSettings = app.state.settings
    engine = make_engine(settings)
    sessions = make_sessions(engine)
    broker = make_app("fanfare-api", settings)
    hints = HintSender(Publisher(broker))
    redis = Redis.from_url(settings.redis_url.get_secret_value(), **redis_tls(settings))
    app.state.runtime = Runtime(
        settings=settings,
        engine=engine,
        sessions=sessions,
        keys=KeyRing(sessions, settings.bootstrap_api_key),
        hints=hints,
        broker=broker,
        redis=redis,
        cipher=Cipher(settings.encryption_keys.get_secret_value()),
        imports=asyncio.Semaphore(settings.api_imports),
        storage=functools.cache(lambda: open_storage(settings)),
        links=SignedLinks(settings),
        presets=load_presets(settings.image_presets_file),
        uploads=asyncio.Semaphore(settings.api_uploads),
        feed=StatsFeed(sessions, RecentRates()),
        stopping=asyncio.Event(),
    )
    try:
        yield
    finally:
        app.state.runtime.stop_waiting()
        await asyncio.to_thread(hints.close)
        await asyncio.to_thread(tracing.stop)
        await redis.aclose()
        await engine.dispose()
