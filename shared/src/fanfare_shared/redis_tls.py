"""TLS to Redis, as redis-py's clients take it."""

from typing import Any

from fanfare_shared.settings import RedisSettings


def redis_tls(settings: RedisSettings) -> dict[str, Any]:
    """Keyword arguments for `Redis.from_url`. For rediss redis-py verifies the certificate and its host name by itself."""
    files = {
        "ssl_ca_certs": settings.redis_ca_file,
        "ssl_certfile": settings.redis_cert_file,
        "ssl_keyfile": settings.redis_key_file,
    }
    return {name: str(path) for name, path in files.items() if path is not None}
