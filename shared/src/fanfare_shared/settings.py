"""The settings that parts share. Each service composes its own class from these groups; all read `FANFARE_*`.

README's table of settings is held to these classes and the services' by a test: a `description` is documentation.
"""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

GOOGLE_FCM = "https://fcm.googleapis.com"
# As long as the HMAC-SHA256 they key, where each character were a random byte.
SIGNING_KEY_LENGTH = 32


def _postgresql(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in {"postgresql", "postgres"}:
        raise ValueError("give a PostgreSQL address: postgresql://user:password@host:port/database")
    return url


def _storage_address(url: str) -> str:
    parts = urlsplit(url)
    local = parts.scheme == "file" and not parts.netloc and parts.path[:1] == "/" and parts.path.strip("/")
    remote = parts.scheme in {"s3", "gs"} and parts.netloc and not {"@", ":"} & set(parts.netloc)
    if parts.query or parts.fragment or not (local or remote):
        raise ValueError("give file:///an/absolute/folder, s3://bucket/prefix or gs://bucket/prefix")
    return url


def _http_address(url: str | None) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("give http://host:port or https://host:port, a path may follow")
    return url.rstrip("/")


def _signing_keys(keys: SecretStr) -> SecretStr:
    secrets = [key.strip() for key in keys.get_secret_value().split(",")]
    if any(len(key) < SIGNING_KEY_LENGTH for key in secrets) or len(set(secrets)) != len(secrets):
        raise ValueError(f"give different secrets of {SIGNING_KEY_LENGTH} characters or more, comma-separated")
    return keys


def _check_client_certificate(cert: Path | None, key: Path | None) -> None:
    if (cert is None) != (key is None):
        raise ValueError("give both the client certificate and its key, or neither")


def _check_tls(address: SecretStr, scheme: str, ca: Path | None, cert: Path | None, key: Path | None) -> None:
    """Raises ValueError for files that would not be used: one would believe a plain connection to be safe."""
    _check_client_certificate(cert, key)
    if (ca or cert) and urlsplit(address.get_secret_value()).scheme != scheme:
        raise ValueError(f"files for TLS are given, and the address is not {scheme}://")


class Settings(BaseSettings):
    """The root of every settings class: from the environment only, so a manifest is the whole truth."""

    # An error shows what was given, and an address holds a password: so it must not.
    model_config = SettingsConfigDict(env_prefix="FANFARE_", extra="ignore", frozen=True, hide_input_in_errors=True)

    log_level: str = Field(default="INFO", description="The least level that is logged")
    timezone: str = Field(default="UTC", description="The zone of the daily schedule's times, an IANA name")


class DatabaseSettings(Settings):
    database_url: Annotated[SecretStr, AfterValidator(_postgresql)] = Field(
        description="The ledger: postgresql://user:password@host:port/database"
    )
    database_ca_file: Path | None = Field(
        default=None,
        description="CA file for TLS to PostgreSQL (verify-full); none: as the address's `sslmode` says, with the system's",
    )
    database_cert_file: Path | None = Field(default=None, description="Client certificate for PostgreSQL")
    database_key_file: Path | None = Field(default=None, description="Key of the client certificate for PostgreSQL")

    @model_validator(mode="after")
    def _check_database_tls(self) -> Self:
        _check_client_certificate(self.database_cert_file, self.database_key_file)
        return self


class BrokerSettings(Settings):
    broker_url: SecretStr = Field(description="RabbitMQ: amqp://user:password@host:port/vhost, or amqps://")
    broker_ca_file: Path | None = Field(default=None, description="CA file for amqps; none: the system's CAs")
    broker_cert_file: Path | None = Field(default=None, description="Client certificate for amqps")
    broker_key_file: Path | None = Field(default=None, description="Key of the client certificate for amqps")

    @model_validator(mode="after")
    def _check_broker_tls(self) -> Self:
        _check_tls(self.broker_url, "amqps", self.broker_ca_file, self.broker_cert_file, self.broker_key_file)
        return self


class RedisSettings(Settings):
    redis_url: SecretStr = Field(description="The quota's Redis: redis://:password@host:port/0, or rediss://")
    redis_ca_file: Path | None = Field(default=None, description="CA file for rediss, beside the system's CAs")
    redis_cert_file: Path | None = Field(default=None, description="Client certificate for rediss")
    redis_key_file: Path | None = Field(default=None, description="Key of the client certificate for rediss")

    @model_validator(mode="after")
    def _check_redis_tls(self) -> Self:
        _check_tls(self.redis_url, "rediss", self.redis_ca_file, self.redis_cert_file, self.redis_key_file)
        return self


class EncryptionSettings(Settings):
    encryption_keys: SecretStr = Field(
        description="Fernet keys, comma-separated: the first encrypts, all decrypt secrets at rest"
    )


class FcmSettings(Settings):
    fcm_endpoint: str = Field(default=GOOGLE_FCM, description="FCM's base URL")
    fcm_ca_file: Path | None = Field(
        default=None, description="CA file trusted for FCM's endpoint and the credentials' token_uri"
    )

    @property
    def trusted_token_hosts(self) -> frozenset[str]:
        """The hosts a service account's `token_uri` may name: Google's, or the endpoint's own where one is set."""
        google = frozenset({"oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com"})
        if self.fcm_endpoint == GOOGLE_FCM:
            return google
        host = urlsplit(self.fcm_endpoint).hostname
        return google | ({host} if host else set())


class CredentialsSettings(Settings):
    credentials_dir: Path | None = Field(
        default=None, description="The folder of mounted secrets that apps name instead of giving their credentials"
    )


class StorageSettings(Settings):
    storage_url: Annotated[str, AfterValidator(_storage_address)] = Field(
        default="file:///var/lib/fanfare/storage",
        description="Where images are kept: file:///folder, s3://bucket/prefix or gs://bucket/prefix",
    )
    storage_s3_endpoint: Annotated[str | None, AfterValidator(_http_address)] = Field(
        default=None,
        description="An S3 server other than Amazon's: https://host:port; http:// only where named so here",
    )
    storage_s3_public_endpoint: Annotated[str | None, AfterValidator(_http_address)] = Field(
        default=None, description="The S3 server as clients reach it, in presigned links; none: the endpoint"
    )
    storage_s3_region: str = Field(default="us-east-1", description="The bucket's region")
    storage_s3_access_key: str | None = Field(
        default=None,
        description="S3's access key id; none: what the machine's role or AWS_* give, without presigned links",
    )
    storage_s3_secret_key: SecretStr | None = Field(default=None, description="The secret of the S3 access key")
    storage_gcs_credentials_file: Path | None = Field(
        default=None,
        description="A Google service account's JSON; none: the default credentials, without presigned links",
    )
    storage_ca_file: Path | None = Field(
        default=None, description="CA file trusted for the S3 endpoint, beside the system's"
    )
    storage_timeout_seconds: float = Field(
        default=10.0,
        ge=1.0,
        description="What one request to S3 or GCS may take, its body included (one image, or 5 MiB)",
    )


class LinkSettings(Settings):
    signing_keys: Annotated[SecretStr, AfterValidator(_signing_keys)] = Field(
        description="Secrets of 32 characters or more, comma-separated: the first signs links, all verify them"
    )
    public_url: Annotated[str | None, AfterValidator(_http_address)] = Field(
        default=None, description="How clients reach the api, the base of the links we sign; none: links are relative"
    )


class PushPlanSettings(Settings):
    push_batch_size: int = Field(default=2000, ge=1, le=50_000, description="Devices in a batch, at most")
    push_max_attempts: int = Field(
        default=6, ge=1, le=20, description="Answers a device's message may get before it is `failed` or `unknown`"
    )
    push_lease_seconds: float = Field(
        default=30.0, ge=12.0, description="How long a claim on a batch holds without a sign of life; over the time-out"
    )


class TracingSettings(Settings):
    otlp_endpoint: Annotated[str | None, AfterValidator(_http_address)] = Field(
        default=None, description="The OpenTelemetry collector that gets traces: http://host:4318; none: no tracing"
    )
    trace_sample_ratio: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of traces that are made, where the caller has not decided"
    )


class WorkerSettings(TracingSettings):
    worker_queues: str = Field(
        default="", description="The queues to consume, comma-separated; none: the service's own"
    )
    worker_concurrency: int = Field(default=2, ge=1, description="Child processes of a worker")
    worker_name: str = Field(default="", description="The Celery node's name before the @; empty: the service's")
    worker_max_tasks_per_child: int = Field(
        default=1000, ge=0, description="Messages after which a child process is replaced by a new one; 0: never"
    )
    worker_shutdown_seconds: float = Field(
        default=30.0, gt=0, description="What running messages get to finish after SIGTERM; then they are given back"
    )
    worker_events: bool = Field(
        default=False, description="Send Celery's task events, for a monitor such as Flower: docs/flower.md"
    )
    worker_remote_control: bool = Field(
        default=False, description="Obey a monitor's commands, such as revoking a task: docs/flower.md"
    )
    heartbeat_file: Path | None = Field(
        default=None,
        description="A file touched every few seconds as long as the worker lives, for `fanfare-probe live`",
    )
    ready_file: Path | None = Field(
        default=None, description="A file that is there while the worker is connected, for `fanfare-probe ready`"
    )
    metrics_port: int | None = Field(default=None, description="The port of a worker's /metrics; none: not served")
    metrics_host: str = Field(default="0.0.0.0", description="The address a worker's /metrics listens on")  # noqa: S104 - a container's
    metrics_dir: Path | None = Field(
        default=None, description="prometheus_client's multiprocess folder, wiped when the worker starts"
    )

    @model_validator(mode="after")
    def _check_metrics(self) -> Self:
        if self.metrics_port is not None and self.metrics_dir is None:
            raise ValueError("a worker's /metrics needs FANFARE_METRICS_DIR: its children count there")
        return self
