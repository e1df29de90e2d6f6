"""The settings of webhooks and e-mails."""

from email.utils import parseaddr
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from fanfare_orchestrator.notifications.smtp_url import SmtpServer
from fanfare_shared.webhooks import WebhookSettings


class NotificationSettings(WebhookSettings):
    webhook_timeout_seconds: float = Field(
        default=10.0, gt=0, le=30, description="How long one webhook call may take, from connecting to the answer"
    )
    webhook_ca_file: Path | None = Field(default=None, description="CA file trusted for webhooks beside the public CAs")
    smtp_url: SecretStr | None = Field(
        default=None,
        description="E-mail: smtp://user:password@host:port (no TLS), smtp+starttls:// or smtps://; none: no e-mail is sent",
    )
    smtp_from: str = Field(default="fanfare@localhost", description="The sender's address of e-mails")
    smtp_ca_file: Path | None = Field(default=None, description="CA file trusted for SMTP instead of the public CAs")

    @field_validator("smtp_url", mode="before")
    @classmethod
    def _empty_is_none(cls, url: object) -> object:
        return url or None

    @field_validator("smtp_url")
    @classmethod
    def _smtp_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            SmtpServer.parse(url.get_secret_value())
        return url

    @field_validator("smtp_from")
    @classmethod
    def _one_address(cls, sender: str) -> str:
        if "@" not in parseaddr(sender)[1] or not sender.isprintable():
            raise ValueError("give an e-mail address: fanfare@example.com, or Fanfare <fanfare@example.com>")
        return sender
