"""The push-worker's settings."""

from typing import Self

from pydantic import Field, model_validator

from fanfare_shared.settings import (
    BrokerSettings,
    CredentialsSettings,
    DatabaseSettings,
    EncryptionSettings,
    FcmSettings,
    PushPlanSettings,
    RedisSettings,
    WorkerSettings,
)

STREAMS_PER_CONNECTION = 100
"""HTTP/2 streams that FCM allows on a connection at a time."""


class PushWorkerSettings(
    DatabaseSettings,
    BrokerSettings,
    RedisSettings,
    EncryptionSettings,
    FcmSettings,
    CredentialsSettings,
    PushPlanSettings,
    WorkerSettings,
):
    """`push_window` is the price of a kill: at most that many of a process's messages may be sent twice."""

    push_window: int = Field(
        default=500, ge=1, le=10_000, description="Requests a process has in flight; as many may repeat if it is killed"
    )
    push_chunk_size: int = Field(
        default=0, ge=0, description="Devices a journal write covers, at most the window; 0: a quarter of the window"
    )
    push_connections: int = Field(
        default=0, ge=0, le=100, description="HTTP/2 connections a process opens; 0: what the window needs, 100 each"
    )
    push_timeout_seconds: float = Field(
        default=10.0, ge=10.0, le=60.0, description="How long a request to FCM may take; FCM asks for 10 s at least"
    )
    push_max_workers: int = Field(
        default=16, ge=1, description="Sending processes in the fleet: what the quota is divided by while Redis is gone"
    )

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.push_chunk_size > self.push_window:
            raise ValueError("FANFARE_PUSH_CHUNK_SIZE must not be over FANFARE_PUSH_WINDOW")
        if self.push_connections and self.push_window > self.push_connections * STREAMS_PER_CONNECTION:
            raise ValueError("FANFARE_PUSH_WINDOW must not be over 100 times FANFARE_PUSH_CONNECTIONS")
        if self.push_lease_seconds < 1.5 * self.push_timeout_seconds:
            raise ValueError("FANFARE_PUSH_LEASE_SECONDS must be at least 1.5 times FANFARE_PUSH_TIMEOUT_SECONDS")
        return self

    @property
    def chunk_size(self) -> int:
        return self.push_chunk_size or max(1, self.push_window // 4)

    @property
    def connections(self) -> int:
        return self.push_connections or -(-self.push_window // STREAMS_PER_CONNECTION)
