"""The private RabbitMQ and its epmd."""

import base64
import hashlib
import json
from pathlib import Path
from urllib.parse import quote

import httpx

from fanfare_native.context import Context
from fanfare_native.part import Part
from fanfare_native.ports import HOST, answers
from fanfare_native.programs import EPMD, RABBITMQ, program, search_path

VHOST = "fanfare"
ADMIN = "fanfare-admin"


def parts(context: Context) -> list[Part]:
    """Epmd runs on a port of its own, in the foreground: RabbitMQ would start a daemon that outlives it."""
    epmd_port = context.ports["epmd"]
    epmd = Part(
        name="epmd",
        command=[program(EPMD, "epmd"), "-address", HOST, "-port", str(epmd_port)],
        directory=Path("/"),
        ready=lambda _: answers(epmd_port),
        stop_seconds=5,
    )
    home = context.layout.plain_run / "rabbitmq"
    definitions = home / "definitions"
    server = Part(
        name="rabbitmq",
        command=[program(RABBITMQ, "rabbitmq-server")],
        environment={
            "HOME": str(home),
            "PATH": search_path(),
            "RABBITMQ_NODENAME": f"fanfare-{context.layout.identity}@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_DIST_PORT": str(context.ports["rabbitmq.distribution"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
            # Makes the start script become the server instead of waiting for it, so that a signal meets the server.
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": HOST,
        },
        files={
            home / "rabbitmq.conf": _configuration(context, definitions),
            # Takes the place of /etc/rabbitmq/rabbitmq-env.conf, which is for the machine's own server.
            home / "rabbitmq-env.conf": "",
            home / "enabled_plugins": _committed(context, "enabled_plugins").read_text(encoding="utf-8"),
            definitions / "definitions.json": _committed(context, "definitions.json").read_text(encoding="utf-8"),
            definitions / "users.json": _users(context),
        },
        directory=Path("/"),
        after=("epmd",),
        ready=lambda _: _ready(context),
        stop_seconds=60,
        start_seconds=150,
    )
    return [epmd, server]


def url(context: Context, user: str = ADMIN) -> str:
    """The broker's address for a user of `deploy/rabbitmq/permissions.json`, or for the administrator."""
    return f"amqp://{user}:{_password(context, user)}@{HOST}:{context.ports['rabbitmq']}/{quote(VHOST, safe='')}"


def management_url(context: Context) -> str:
    return f"http://{ADMIN}:{_password(context, ADMIN)}@{HOST}:{context.ports['rabbitmq.management']}"


def prometheus_url(context: Context) -> str:
    return f"http://{HOST}:{context.ports['rabbitmq.prometheus']}/metrics"


def _password(context: Context, user: str) -> str:
    return context.credentials.password(f"rabbitmq.{user}")


def _configuration(context: Context, definitions: Path) -> str:
    settings = {
        "listeners.tcp.1": f"{HOST}:{context.ports['rabbitmq']}",
        "management.tcp.ip": HOST,
        "management.tcp.port": context.ports["rabbitmq.management"],
        "prometheus.tcp.ip": HOST,
        "prometheus.tcp.port": context.ports["rabbitmq.prometheus"],
        # A folder: the queues as committed, and the users of this clone.
        "load_definitions": definitions,
        "log.console": "true",
        "log.console.level": "info",
        "disk_free_limit.absolute": "200MB",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def _committed(context: Context, name: str) -> Path:
    return context.layout.root / "deploy" / "rabbitmq" / name


def _users(context: Context) -> str:
    """The committed permissions, and the users that they are of, with this clone's passwords."""
    files = ["permissions.json", *(["permissions-flower.json"] if context.monitored else [])]
    stated = [json.loads(_committed(context, file).read_text(encoding="utf-8"))["permissions"] for file in files]
    committed = {permission["user"]: permission for permissions in stated for permission in permissions}.values()
    everything = {"user": ADMIN, "vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"}
    permissions = [everything, *committed]
    return json.dumps({
        "users": [
            {
                "name": permission["user"],
                "password_hash": _hash(_password(context, permission["user"])),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "administrator" if permission["user"] == ADMIN else "",
            }
            for permission in permissions
        ],
        "permissions": permissions,
    }, indent=2)  # fmt: skip


def _hash(password: str) -> str:
    """RabbitMQ's salted SHA-256. The salt follows from the password, so that the file stays the same."""
    salt = hashlib.sha256(b"salt" + password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


async def _ready(context: Context) -> bool:
    """Whether it takes connections and every queue that is defined has a leader that runs."""
    defined = json.loads(_committed(context, "definitions.json").read_text(encoding="utf-8"))
    names = {queue["name"] for queue in defined["queues"]}
    try:
        async with httpx.AsyncClient(base_url=management_url(context), timeout=5, trust_env=False) as client:
            listening = await client.get(f"/api/health/checks/port-listener/{context.ports['rabbitmq']}")
            queues = await client.get(f"/api/queues/{quote(VHOST, safe='')}")
    except httpx.HTTPError:
        return False
    if listening.status_code != 200 or queues.status_code != 200:
        return False
    return names <= {queue["name"] for queue in queues.json() if queue.get("state", "running") == "running"}
