"""When the certificates that a process is given expire: `fanfare_tls_certificate_expiry_timestamp_seconds`."""

from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from fanfare_shared.metrics import tls_certificate_expiry

from prometheus_client import Metric  # isort: skip # after fanfare_shared.metrics
from prometheus_client.registry import Collector  # isort: skip

from fanfare_shared.settings import Settings

_CHAIN, _AUTHORITIES = "_cert_file", "_ca_file"
_UNREADABLE = 0.0


class CertificateExpiryCollector(Collector):
    """Reads every `…_cert_file` and `…_ca_file` that is set, at each scrape, because files are renewed in place.

    It keeps nothing: a worker's main process forks while its thread for /metrics collects, and a child would inherit
    the lock of a gauge that is being set.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def collect(self) -> Iterable[Metric]:
        expiry = tls_certificate_expiry()
        for setting in type(self._settings).model_fields:
            if setting.endswith((_CHAIN, _AUTHORITIES)) and (file := getattr(self._settings, setting)) is not None:
                expiry.add_metric([setting, str(file)], _expiry(file, setting))
        return [expiry]


def _expiry(file: Path, setting: str) -> float:
    """A chain is good until its first certificate expires, a file of authorities until its last one does: while one
    takes over from another, both are in it.
    """
    try:
        moments = [each.not_valid_after_utc.timestamp() for each in x509.load_pem_x509_certificates(file.read_bytes())]
    except (OSError, ValueError):
        return _UNREADABLE
    return max(moments) if setting.endswith(_AUTHORITIES) else min(moments)
