"""The settings of the daily work: how long things are kept, and which servers are asked how they are."""

from pydantic import Field

from fanfare_orchestrator.notifications.settings import NotificationSettings
from fanfare_shared.schedule import ScheduleSettings
from fanfare_shared.settings import DatabaseSettings, FcmSettings, RedisSettings


class RetentionSettings(ScheduleSettings):
    retention_days: int = Field(
        default=90, ge=1, description="Days that deliveries and batches are kept after their campaign ended"
    )
    idempotency_hours: int = Field(default=24, ge=1, description="Hours that the answer to an Idempotency-Key is kept")
    audit_days: int = Field(
        default=365, ge=1, description="Days that audit entries, dead letters and runs of the daily schedule are kept"
    )


class MaintenanceSettings(RetentionSettings, DatabaseSettings, RedisSettings, FcmSettings, NotificationSettings):
    storage_url: str = Field(default="", description="Where images are stored: file:///…, s3://… or gs://…")
