"""Makes the passwords and keys of the fleet under Compose, once, and hands each service its own.

    make_secrets.py --owner UID:GID SECRETS CLONE

SECRETS holds a folder for each service that is mounted into that service alone: `env` is what `with-secrets` sources,
the servers have files in their own formats. `all` remembers what was made, so that running this again changes nothing.
UID:GID is whom the services run as: the folders of the images and of the simulator are made theirs. In CLONE, `.run/env` is
for the shell of the clone's owner, and `.run/compose/passwords` for their browser.

The standard library alone: it runs in Python's own image.
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

VHOST = "fanfare"
ADMIN = "fanfare-admin"
# The role in PostgreSQL of each program: those of deploy/postgresql/roles.sql.
_ROLES = {
    "migrate": "fanfare",
    "api": "fanfare_api",
    "orchestrator": "fanfare_orchestrator",
    "push-worker": "fanfare_push_worker",
    "image-worker": "fanfare_image_worker",
}
_MONITORED = ("FANFARE_WORKER_EVENTS", "FANFARE_WORKER_REMOTE_CONTROL")
_TRUE = ("true", "1", "yes", "on", "t", "y")  # as pydantic reads a bool
_USES_REDIS = ("api", "orchestrator", "push-worker")
_USES_ENCRYPTION = ("api", "orchestrator", "push-worker")


class Known:
    """What was made before, and what is made now: each once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._values: dict[str, str] = json.loads(file.read_text()) if file.is_file() else {}

    def password(self, name: str) -> str:
        """It needs no quoting in a URL, a shell or a configuration file."""
        return self._once(name, lambda: secrets.token_urlsafe(24))

    def fernet_key(self, name: str) -> str:
        """32 random bytes in URL-safe base64, as `cryptography.fernet` wants them."""
        return self._once(name, lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    def _once(self, name: str, make: Callable[[], str]) -> str:
        if name not in self._values:
            self._values[name] = make()
            write(self._file, json.dumps(self._values, indent=2), mode=0o600)
        return self._values[name]


def settings(known: Known, program: str) -> dict[str, str]:
    """The settings of one program that hold a secret."""
    role = _ROLES[program]
    found = {
        "FANFARE_DATABASE_URL": f"postgresql://{role}:{known.password(f'postgresql.{role}')}@postgresql:5432/fanfare"
    }
    if program == "migrate":
        return found
    found["FANFARE_BROKER_URL"] = f"amqp://{program}:{known.password(f'rabbitmq.{program}')}@rabbitmq:5672/{VHOST}"
    if program in _USES_REDIS:
        found["FANFARE_REDIS_URL"] = f"redis://:{known.password('redis')}@redis:6379/0"
    if program in _USES_ENCRYPTION:
        found["FANFARE_ENCRYPTION_KEYS"] = known.fernet_key("encryption")
    if program == "api":
        found["FANFARE_SIGNING_KEYS"] = known.fernet_key("signing")
        found["FANFARE_BOOTSTRAP_API_KEY"] = known.password("bootstrap")
    return found


def permissions_wanted(rabbitmq: Path) -> list[dict[str, str]]:
    """Those that are committed in deploy/rabbitmq; with what a monitor needs, where the workers are to be monitored."""
    files = ["permissions.json"]
    if any(os.environ.get(name, "").lower() in _TRUE for name in _MONITORED):
        files.append("permissions-flower.json")
    stated = [one for file in files for one in json.loads((rabbitmq / file).read_text())["permissions"]]
    return list({permission["user"]: permission for permission in stated}.values())


def users(known: Known, permissions: list[dict[str, str]]) -> dict[str, Any]:
    """RabbitMQ's users in the form it imports: the administrator, and those whose permissions are committed."""
    everything = {"user": ADMIN, "vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [
            {
                "name": permission["user"],
                "password_hash": rabbitmq_hash(known.password(f"rabbitmq.{permission['user']}")),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["administrator"] if permission["user"] == ADMIN else [],
            }
            for permission in [everything, *permissions]
        ],
        "permissions": [everything, *permissions],
    }


def rabbitmq_hash(password: str) -> str:
    """Salted SHA-256, as https://www.rabbitmq.com/docs/passwords#computing-password-hash says."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def role_passwords(known: Known) -> str:
    """Statements for psql, after roles.sql."""
    passwords = {role: known.password(f"postgresql.{role}") for role in _ROLES.values()}
    return "".join(f"ALTER ROLE {role} PASSWORD '{password}';\n" for role, password in passwords.items())


def write(file: Path, content: str, mode: int = 0o444) -> None:
    """Whole or not at all. Whoever a folder of SECRETS is mounted into may read what is there."""
    draft = file.with_name(f".{file.name}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as stream:
        stream.write(content)
    draft.chmod(mode)
    draft.replace(file)


def lines(values: Mapping[str, str], before: str = "") -> str:
    return "".join(f"{before}{name}={value}\n" for name, value in values.items())


def make_for_services(known: Known, folder: Path, rabbitmq: Path) -> None:
    """`rabbitmq` is deploy/rabbitmq."""
    for program in _ROLES:
        write(folder / program / "env", lines(settings(known, program)))
    write(folder / "postgresql" / "password", known.password("postgresql.postgres"))
    write(folder / "postgresql" / "passwords.sql", role_passwords(known))
    definitions = folder / "rabbitmq" / "definitions"
    definitions.mkdir(exist_ok=True)
    write(definitions / "definitions.json", (rabbitmq / "definitions.json").read_text())
    write(definitions / "users.json", json.dumps(users(known, permissions_wanted(rabbitmq)), indent=2))
    password = known.password("redis")
    write(folder / "redis" / "password", password)
    write(
        folder / "redis" / "redis.conf",
        f'requirepass {password}\nsave ""\nappendonly no\nmaxmemory-policy noeviction\n',
    )
    write(folder / "grafana" / "password", known.password("grafana"))
    monitor = {
        "CELERY_BROKER_URL": f"amqp://flower:{known.password('rabbitmq.flower')}@rabbitmq:5672/{VHOST}",
        "FLOWER_BASIC_AUTH": f"fanfare:{known.password('flower')}",
    }
    write(folder / "flower" / "env", lines(monitor))


def make_for_the_clones_owner(known: Known, clone: Path, services_group: int) -> None:
    """Makes `.run`, as the owner of the clone's files: under Docker this is root, and the owner somebody else."""
    owner = (clone / "deploy").stat()
    run = clone / ".run"
    for folder, mode, group in (
        (run, 0o711, owner.st_gid),
        (run / "compose", 0o700, owner.st_gid),
        (run / "simulator", 0o770, services_group),  # where the simulator puts service accounts
    ):
        folder.mkdir(exist_ok=True)
        os.chown(folder, owner.st_uid, group)
        folder.chmod(mode)
    port = os.environ.get("FANFARE_API_PORT", "8000")
    found = {
        "FANFARE_API_URL": f"http://127.0.0.1:{port}",
        # It works until the first administrator's key is made.
        "FANFARE_API_KEY": known.password("bootstrap"),
    }
    passwords = {
        f"rabbitmq, {ADMIN}": known.password(f"rabbitmq.{ADMIN}"),
        "grafana, admin": known.password("grafana"),
        "flower, fanfare": known.password("flower"),
    }
    for file, content in (
        (run / "env", lines(found, before="export ")),
        (run / "compose" / "passwords", "".join(f"{name}: {password}\n" for name, password in passwords.items())),
    ):
        write(file, content, mode=0o600)
        os.chown(file, owner.st_uid, owner.st_gid)


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the passwords and keys of the fleet under Compose.")
    parser.add_argument("--owner", required=True, metavar="UID:GID", help="whom the services run as")
    parser.add_argument("secrets", type=Path)
    parser.add_argument("clone", type=Path)
    options = parser.parse_args()
    known = Known(options.secrets / "all" / "known.json")
    make_for_services(known, options.secrets, options.clone / "deploy" / "rabbitmq")
    user, group = map(int, options.owner.split(":"))
    for folder in ("storage", "simulator"):
        os.chown(options.secrets / folder, user, group)
    make_for_the_clones_owner(known, options.clone, group)


if __name__ == "__main__":
    main()
