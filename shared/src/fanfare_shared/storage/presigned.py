"""Presigned requests to S3 and GCS: one canonical text (AWS Signature Version 4), signed as each of them wants it.

obstore can presign too, but neither the name and type of a download nor the size of an upload. S3:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html, GCS:
https://cloud.google.com/storage/docs/access-control/signing-urls-manually
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.storage.port import Link

# What both give a link at most.
_LONGEST = timedelta(days=7)


@dataclass(frozen=True)
class Presigner:
    """Signs requests to one bucket.

    `base` is the bucket's address as clients reach it, `scope` what follows the date in a credential, `size_header`
    how an upload's length is bound; `sign` is given the date (`YYYYMMDD`) and the text.
    """

    base: str
    algorithm: str
    prefix: str
    identity: str
    scope: str
    size_header: str
    sign: Callable[[str, bytes], bytes]

    @classmethod
    def for_s3(cls, base: str, *, region: str, access_key: str, secret_key: str) -> Self:
        def sign(date: str, text: bytes) -> bytes:
            key = f"AWS4{secret_key}".encode()
            for part in (date, region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), hashlib.sha256)
            return hmac.digest(key, text, hashlib.sha256)

        scope = f"{region}/s3/aws4_request"
        return cls(base, "AWS4-HMAC-SHA256", "X-Amz", access_key, scope, "content-length", sign)

    @classmethod
    def for_gcs(cls, base: str, credentials: Path) -> Self:
        """By a service account's JSON file. Raises ConfigurationError where it is none."""
        try:
            account = json.loads(credentials.read_bytes())
            identity, key = account["client_email"], load_pem_private_key(account["private_key"].encode(), None)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError("FANFARE_STORAGE_GCS_CREDENTIALS_FILE is not a service account's JSON") from error
        if not isinstance(key, RSAPrivateKey):
            raise ConfigurationError("FANFARE_STORAGE_GCS_CREDENTIALS_FILE holds a key that is not RSA")

        def sign(_: str, text: bytes) -> bytes:
            return key.sign(text, PKCS1v15(), SHA256())

        scope = "auto/storage/goog4_request"
        return cls(base, "GOOG4-RSA-SHA256", "X-Goog", identity, scope, "x-goog-content-length-range", sign)

    def upload(self, key: str, seconds: int, *, size: int, media_type: str) -> Link:
        bound = str(size) if self.size_header == "content-length" else f"{size},{size}"
        return self._link("PUT", key, seconds, headers={"content-type": media_type, self.size_header: bound})

    def download(self, key: str, seconds: int, *, disposition: str, media_type: str) -> Link:
        params = {"response-content-disposition": disposition, "response-content-type": media_type}
        return self._link("GET", key, seconds, params=params)

    def _link(
        self,
        method: str,
        key: str,
        seconds: int,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Link:
        now = datetime.now(UTC)
        lifetime = min(timedelta(seconds=seconds), _LONGEST)
        moment, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        address = urlsplit(f"{self.base}/{quote(key, safe='/~')}")
        signed_headers = {"host": address.netloc, **(headers or {})}
        names = ";".join(sorted(signed_headers))
        query = _query(
            {
                f"{self.prefix}-Algorithm": self.algorithm,
                f"{self.prefix}-Credential": f"{self.identity}/{date}/{self.scope}",
                f"{self.prefix}-Date": moment,
                f"{self.prefix}-Expires": str(int(lifetime.total_seconds())),
                f"{self.prefix}-SignedHeaders": names,
                **(params or {}),
            }
        )
        lines = "".join(f"{name}:{signed_headers[name]}\n" for name in sorted(signed_headers))
        request = f"{method}\n{address.path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join((self.algorithm, moment, f"{date}/{self.scope}", digest))
        signature = self.sign(date, text.encode()).hex()
        url = f"{address.geturl()}?{query}&{self.prefix}-Signature={signature}"
        return Link(
            method=method, url=url, headers=dict(headers or {}), expires_at=now.replace(microsecond=0) + lifetime
        )


def _query(params: Mapping[str, str]) -> str:
    return "&".join(sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params.items()))
