"""Certificates of two authorities, as files: the deployment's, and one that nobody here trusts."""

from dataclasses import dataclass
from pathlib import Path

import trustme

# The servers' certificates are for this name alone, so 127.0.0.1 is another host to whoever looks.
SERVER_NAME = "localhost"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority of its own, whose files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def server(self) -> Pair:
        return self._write("server", self._ca.issue_cert(SERVER_NAME, common_name=SERVER_NAME))

    def client(self, name: str) -> Pair:
        """A client's, whose common name is the name it may log in to PostgreSQL with."""
        return self._write(name, self._ca.issue_cert(f"{name.replace('_', '-')}.example", common_name=name))

    def _write(self, name: str, made: trustme.LeafCert) -> Pair:
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        if not pair.cert.exists():
            pair.cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
            pair.key.touch(mode=0o600)
            pair.key.write_bytes(made.private_key_pem.bytes())
        return pair
