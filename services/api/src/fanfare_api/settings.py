"""What the api reads from its environment."""

from pydantic import Field, SecretStr

from fanfare_shared.images.settings import ImagePresetSettings, ImagePriceSettings, ImageSizeSettings
from fanfare_shared.schedule import ScheduleSettings
from fanfare_shared.settings import (
    BrokerSettings,
    CredentialsSettings,
    DatabaseSettings,
    EncryptionSettings,
    FcmSettings,
    LinkSettings,
    RedisSettings,
    StorageSettings,
    TracingSettings,
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
    StorageSettings,
    LinkSettings,
    ImageSizeSettings,
    ImagePresetSettings,
    ImagePriceSettings,
    TracingSettings,
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
    api_uploads: int = Field(
        default=24,
        ge=1,
        description="Files over 512 KiB stored at the same time, at most; each takes 4 to 40 MiB of memory",
    )
    api_upload_files: int = Field(default=1000, ge=1, le=10_000, description="The most files an upload's form may have")
    api_upload_max_bytes: int = Field(
        default=10_737_418_240, ge=1024, description="The largest form of an upload, all its files together"
    )
    api_upload_seconds: int = Field(
        default=86_400,
        ge=60,
        le=604_800,
        description="What an upload in parts or straight to storage may take until it is complete",
    )
    bootstrap_api_key: SecretStr | None = Field(
        default=None, description="A key with all scopes that works only while no admin key exists"
    )
