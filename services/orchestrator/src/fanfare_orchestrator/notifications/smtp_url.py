"""`FANFARE_SMTP_URL`, taken apart."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import unquote, urlsplit


class SmtpSecurity(StrEnum):
    """The address's scheme. STARTTLS is required where it is named: a server that does not offer it gets no mail."""

    NONE = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


_PORTS = {SmtpSecurity.NONE: 25, SmtpSecurity.STARTTLS: 587, SmtpSecurity.TLS: 465}


@dataclass(frozen=True)
class SmtpServer:
    security: SmtpSecurity
    host: str
    port: int
    user: str
    password: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError, without the password, for what is not an SMTP address."""
        parts = urlsplit(url)
        try:
            security, port = SmtpSecurity(parts.scheme), parts.port
        except ValueError:
            raise ValueError(_HELP) from None
        if not parts.hostname:
            raise ValueError(_HELP)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(security, parts.hostname, port or _PORTS[security], user, password)


_HELP = "give an SMTP address: smtp://, smtp+starttls:// or smtps://, then user:password@host:port"
