#!/usr/bin/env python3
"""Prints the Secrets that the fleet and its servers need, with new passwords and keys, as a List for kubectl.

    python3 deploy/k8s/make_secrets.py --tls | kubectl create --filename -

Nothing is written to disk. `create`, not `apply`: what is there already stays. deploy/k8s/secrets.example.yaml shows what
each Secret holds. Nothing but Python's own library is needed.
"""

import argparse
import base64
import hashlib
import json
import secrets
import sys
from pathlib import Path
from typing import Any

NAMESPACE = "fanfare"
ADMIN = "fanfare-admin"
SERVICES = ("api", "orchestrator", "push-worker", "image-worker")
USES_REDIS = ("api", "orchestrator", "push-worker")
USES_ENCRYPTION = USES_REDIS
_PERMISSIONS = Path(__file__).parents[1] / "rabbitmq" / "permissions.json"

Data = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description="Print new Secrets for Fanfare, as a List for kubectl create.")
    parser.add_argument("--tls", action="store_true", help="the servers speak TLS: amqps:// and rediss://")
    listed = {"apiVersion": "v1", "kind": "List", "items": make(tls=parser.parse_args().tls)}
    json.dump(listed, sys.stdout, indent=2)
    sys.stdout.write("\n")


def make(*, tls: bool) -> list[dict[str, Any]]:
    """The Secrets' manifests."""
    broker = {user: _password() for user in (ADMIN, *SERVICES)}
    ledger = {role: _password() for role in (None, *SERVICES)}
    redis = _password()
    encryption, signing, bootstrap = _fernet_key(), _password(), _password()

    made = [
        _secret("rabbitmq-users", {"users.json": _users(broker)}),
        _secret(
            "redis-users", {"users.acl": f"user default on #{hashlib.sha256(redis.encode()).hexdigest()} ~* &* +@all\n"}
        ),
        _secret("rabbitmq-admin", {"username": ADMIN, "password": broker[ADMIN]}, "kubernetes.io/basic-auth"),
        _secret("fanfare-migrate", {"FANFARE_DATABASE_URL": _database_url("fanfare", ledger[None])}),
    ]
    for role, password in ledger.items():
        name = f"postgresql-fanfare-{role}" if role else "postgresql-fanfare"
        made.append(_secret(name, {"username": _role(role), "password": password}, "kubernetes.io/basic-auth"))
    for service in SERVICES:
        scheme, port = ("amqps", 5671) if tls else ("amqp", 5672)
        settings = {
            "FANFARE_DATABASE_URL": _database_url(_role(service), ledger[service]),
            "FANFARE_BROKER_URL": f"{scheme}://{service}:{broker[service]}@rabbitmq:{port}/fanfare",
        }
        if service in USES_REDIS:
            settings["FANFARE_REDIS_URL"] = f"{'rediss' if tls else 'redis'}://:{redis}@redis:6379/0"
        if service in USES_ENCRYPTION:
            settings["FANFARE_ENCRYPTION_KEYS"] = encryption
        if service == "api":
            settings |= {"FANFARE_SIGNING_KEYS": signing, "FANFARE_BOOTSTRAP_API_KEY": bootstrap}
        made.append(_secret(f"fanfare-{service}", settings))
    return made


def _secret(name: str, data: Data, kind: str = "Opaque") -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/part-of": "fanfare"},
    }
    if name.startswith("postgresql-"):
        metadata["labels"]["cnpg.io/reload"] = "true"  # a changed password is taken up without a restart
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": data}


def _role(service: str | None) -> str:
    """The role in PostgreSQL: each service's own, or the owner."""
    return f"fanfare_{service.replace('-', '_')}" if service else "fanfare"


def _database_url(role: str, password: str) -> str:
    return f"postgresql://{role}:{password}@postgresql-rw:5432/fanfare"


def _users(passwords: Data) -> str:
    """RabbitMQ's definitions of the users, and the permissions that deploy/rabbitmq gives them."""
    permissions = json.loads(_PERMISSIONS.read_text(encoding="utf-8"))["permissions"]
    everything = {"user": ADMIN, "vhost": "fanfare", "configure": ".*", "write": ".*", "read": ".*"}
    users = [
        {
            "name": user,
            "password_hash": _rabbitmq_hash(password),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": "administrator" if user == ADMIN else "",
        }
        for user, password in passwords.items()
    ]
    return json.dumps({"users": users, "permissions": [everything, *permissions]})


def _rabbitmq_hash(password: str) -> str:
    """RabbitMQ's salted SHA-256: four bytes of salt before it, and in it."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _password() -> str:
    """43 characters that an address takes as they are."""
    return secrets.token_urlsafe(32)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


if __name__ == "__main__":
    main()
