"""Presigned links carry the signature that Amazon's and Google's own libraries compute for them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.cloud.storage._signing import generate_signed_url_v4
from google.oauth2 import service_account

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.attachments import content_disposition
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.storage.port import Link

KEY = "originals/한글 +%&=?~(1)/a.jpg"
FILENAME = '사진 "1";/\\%.jpg'


def s3(**settings: str) -> StorageSettings:
    return StorageSettings.model_validate(
        {
            "storage_url": "s3://bucket/some/prefix~ 1",
            "storage_s3_region": "eu-central-1",
            "storage_s3_access_key": "AKIDEXAMPLE",
            "storage_s3_secret_key": "the/secret+key",
            **settings,
        }
    )


@pytest.fixture(scope="module")
def gcs_account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file = tmp_path_factory.mktemp("gcs") / "account.json"
    account = {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "1",
        "private_key": pem,
        "client_email": "storage@project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    file.write_text(json.dumps(account))
    return file


def gcs(account: Path | None) -> StorageSettings:
    return StorageSettings(storage_url="gs://bucket/some/prefix", storage_gcs_credentials_file=account)


def signature_by_botocore(link: Link) -> str:
    unsigned, _ = link.url.split("&X-Amz-Signature=")
    auth = S3SigV4QueryAuth(Credentials("AKIDEXAMPLE", "the/secret+key"), "s3", "eu-central-1")
    request = AWSRequest(method=link.method, url=unsigned, headers=link.headers)
    request.context["timestamp"] = parse_qs(urlsplit(unsigned).query)["X-Amz-Date"][0]
    signature: str = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return signature


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (s3(), "https://s3.eu-central-1.amazonaws.com/bucket/"),
        (s3(storage_s3_endpoint="http://minio:9000"), "http://minio:9000/bucket/"),
        (
            s3(storage_s3_endpoint="http://minio:9000", storage_s3_public_endpoint="https://images.example:8443"),
            "https://images.example:8443/bucket/",
        ),
    ],
    ids=["amazon", "endpoint", "public endpoint"],
)
def test_s3_links_are_signed_as_amazon_signs(settings: StorageSettings, address: str) -> None:
    storage = open_storage(settings)
    upload = storage.upload_link(KEY, 600, size=12_345, media_type="image/png")
    download = storage.download_link(KEY, 600, filename=FILENAME, media_type="image/jpeg")
    assert upload is not None
    assert download is not None
    for link in (upload, download):
        assert link.url.startswith(address)
        assert unquote(urlsplit(link.url).path) == f"/bucket/some/prefix~ 1/{KEY}"
        assert link.url.endswith(f"&X-Amz-Signature={signature_by_botocore(link)}")
        assert "the/secret" not in unquote(link.url)
    assert (upload.method, upload.headers) == ("PUT", {"content-type": "image/png", "content-length": "12345"})
    assert parse_qs(urlsplit(upload.url).query)["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert (download.method, download.headers) == ("GET", {})
    query = parse_qs(urlsplit(download.url).query)
    assert query["response-content-disposition"] == [content_disposition(FILENAME)]
    assert query["response-content-type"] == ["image/jpeg"]


def test_gcs_links_are_signed_as_google_signs(gcs_account: Path) -> None:
    storage = open_storage(gcs(gcs_account))
    credentials = service_account.Credentials.from_service_account_file(str(gcs_account))  # type: ignore[no-untyped-call]
    upload = storage.upload_link(KEY, 600, size=12_345, media_type="image/png")
    download = storage.download_link(KEY, 600, filename=FILENAME, media_type="image/jpeg")
    assert upload is not None
    assert download is not None
    assert upload.headers == {"content-type": "image/png", "x-goog-content-length-range": "12345,12345"}
    for link in (upload, download):
        parts = urlsplit(link.url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert link.url == generate_signed_url_v4(
            credentials,
            resource=parts.path,
            expiration=timedelta(seconds=600),
            method=link.method,
            headers=dict(link.headers),
            response_type=query.get("response-content-type"),
            response_disposition=query.get("response-content-disposition"),
            _request_timestamp=query["X-Goog-Date"],
        )
        assert unquote(parts.path) == f"/bucket/some/prefix/{KEY}"


def test_a_link_says_when_it_expires_a_week_at_most() -> None:
    storage = open_storage(s3())
    for seconds, granted in [(60, 60), (604_800, 604_800), (604_801, 604_800)]:
        link = storage.download_link(KEY, seconds, filename="a", media_type="image/png")
        assert link is not None
        query = parse_qs(urlsplit(link.url).query)
        assert query["X-Amz-Expires"] == [str(granted)]
        signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
        assert link.expires_at == signed_at + timedelta(seconds=granted)
        assert link.expires_at > datetime.now(UTC)
        assert "Signature" not in repr(link)


def test_without_keys_of_our_own_there_are_no_links() -> None:
    storage = open_storage(StorageSettings(storage_url="s3://bucket", storage_s3_endpoint="http://127.0.0.1:1"))
    assert storage.upload_link("a", 60, size=5, media_type="image/png") is None
    assert storage.download_link("a", 60, filename="a", media_type="image/png") is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"client_email": "a", "private_key": "b"}'], ids=range(4))
def test_a_file_that_is_no_service_account_is_a_wrong_setting(tmp_path: Path, content: str) -> None:
    file = tmp_path / "account.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="FANFARE_STORAGE_GCS_CREDENTIALS_FILE"):
        open_storage(gcs(file))
    with pytest.raises(ConfigurationError, match="FANFARE_STORAGE_GCS_CREDENTIALS_FILE"):
        open_storage(gcs(tmp_path / "none.json"))


def test_a_downloads_name_is_ascii_for_old_clients_and_whole_for_others() -> None:
    assert content_disposition("a b.jpg") == "attachment; filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg"
    assert content_disposition('사/진"\\%.jpg') == (
        "attachment; filename=\"______.jpg\"; filename*=UTF-8''%EC%82%AC%2F%EC%A7%84%22%5C%25.jpg"
    )
    assert "\n" not in content_disposition("a\r\nSet-Cookie: b")
    assert content_disposition("\ud800").isascii()
