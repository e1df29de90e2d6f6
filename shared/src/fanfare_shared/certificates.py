"""When the certificates that a process is given expire: `fanfare_tls_certificate_expiry_timestamp_seconds`."""

from pathlib import Path

from cryptography import x509

from fanfare_shared.metrics import tls_certificate_expiry
from fanfare_shared.settings import Settings

_CHAIN, _AUTHORITIES = "_cert_file", "_ca_file"
_UNREADABLE = 0.0


def show_certificates(settings: Settings) -> None:
    """Reads every `…_cert_file` and `…_ca_file` that is set. Called for each scrape, because files are renewed in place."""
    for setting in type(settings).model_fields:
        if setting.endswith((_CHAIN, _AUTHORITIES)) and (file := getattr(settings, setting)) is not None:
            tls_certificate_expiry.labels(setting, str(file)).set(_expiry(file, setting))


def _expiry(file: Path, setting: str) -> float:
    """A chain is good until its first certificate expires, a file of authorities until its last one does: while one
    takes over from another, both are in it.
    """
    try:
        moments = [each.not_valid_after_utc.timestamp() for each in x509.load_pem_x509_certificates(file.read_bytes())]
    except (OSError, ValueError):
        return _UNREADABLE
    return max(moments) if setting.endswith(_AUTHORITIES) else min(moments)
