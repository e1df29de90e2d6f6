"""What is shown of the certificates a process is given."""

from datetime import UTC, datetime
from pathlib import Path

import trustme

from fanfare_shared.certificates import CertificateExpiryCollector
from fanfare_shared.settings import BrokerSettings

SOON, LATER = datetime(2031, 5, 1, tzinfo=UTC), datetime(2032, 5, 1, tzinfo=UTC)


def certificate(expires: datetime) -> bytes:
    return trustme.CA().issue_cert("localhost", not_after=expires).cert_chain_pems[0].bytes()


def shown(file: Path, setting: str) -> float:
    key = {"broker_key_file": file.with_suffix(".key")} if setting == "broker_cert_file" else {}
    settings = BrokerSettings.model_validate({"broker_url": "amqps://localhost", setting: file} | key)
    [family] = CertificateExpiryCollector(settings).collect()
    [sample] = family.samples
    assert sample.labels == {"setting": setting, "file": str(file)}
    return float(sample.value)


def test_a_chain_expires_with_its_first_certificate_and_authorities_with_their_last(tmp_path: Path) -> None:
    file = tmp_path / "both.pem"
    file.write_bytes(certificate(LATER) + certificate(SOON))
    assert shown(file, "broker_cert_file") == SOON.timestamp()
    assert shown(file, "broker_ca_file") == LATER.timestamp()


def test_a_file_that_was_renewed_in_place_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "tls.crt"
    file.write_bytes(certificate(SOON))
    assert shown(file, "broker_cert_file") == SOON.timestamp()
    file.write_bytes(certificate(LATER))
    assert shown(file, "broker_cert_file") == LATER.timestamp()


def test_a_file_that_cannot_be_read_expired_long_ago(tmp_path: Path) -> None:
    assert shown(tmp_path / "missing.pem", "broker_cert_file") == 0
    (tmp_path / "odd.pem").write_text("no certificate")
    assert shown(tmp_path / "odd.pem", "broker_cert_file") == 0
