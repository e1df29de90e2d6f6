"""What the api reads from its environment."""

from pydantic import Field, SecretStr

from fanfare_shared.schedule import ScheduleSettings
from fanfare_shared.settings import (
    BrokerSettings,
    CredentialsSettings,
    DatabaseSettings,
    EncryptionSettings,
    FcmSettings,
    RedisSettings,
)
from fanfare_shared.webhooks import WebhookSettings


class ApiSettings(
    DatabaseSettings,
    BrokerSettings,
    RedisSettings,
    EncryptionSettings,
    FcmSettings,
    CredentialsSettings,
    WebhookSettings,
    ScheduleSettings,
):
    api_host: str = Field(default="0.0.0.0", description="The address the api listens on")  # noqa: S104 - a container's
    api_port: int = Field(default=8000, ge=1, le=65535, description="The port the api listens on")
    api_drain_seconds: int = Field(
        default=20, ge=0, description="How long the api lets running requests finish after SIGTERM"
    )
    api_database_connections: int = Field(
        default=10, ge=2, le=200, description="The api's connections to PostgreSQL, at most"
    )
    api_max_body_bytes: int = Field(
        default=1_048_576, ge=1024, description="The largest body a request may have, imports and uploads apart"
    )
    api_import_max_bytes: int = Field(
        default=2_147_483_648, ge=1024, description="The largest device import, sent and unpacked"
    )
    api_imports: int = Field(default=2, ge=1, description="Device imports that run at the same time, at most")
    bootstrap_api_key: SecretStr | None = Field(
        default=None, description="A key with all scopes that works only while no admin key exists"
    )
