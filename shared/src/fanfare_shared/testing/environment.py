"""Where the servers are. A missing address fails the test; it never skips it."""

from pydantic import Field, SecretStr, ValidationError

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.settings import Settings


class ServerAddresses(Settings):
    """Servers whose users may create databases and vhosts.

    `service_database_urls`: the ledger as each service's own role sees it, in any database; none: as its owner.
    """

    database_url: SecretStr
    broker_url: SecretStr
    broker_management_url: SecretStr
    redis_url: SecretStr
    service_database_urls: dict[str, SecretStr] = Field(default_factory=dict)
    # Only what asks Prometheus needs it: `make servers` says it, a broker of the user's own may do without.
    broker_prometheus_url: str | None = None


def server_addresses() -> ServerAddresses:
    try:
        return ServerAddresses()
    except ValidationError as error:
        missing = ", ".join(f"FANFARE_{str(fault['loc'][0]).upper()}" for fault in error.errors())
        raise ConfigurationError(
            f"{missing} not set: run `make test`, or `make servers` and then `. .run/env`"
        ) from None
