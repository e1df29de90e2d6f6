"""The fleet as real processes on given servers: api, orchestrator, push-workers, image-workers, and the FCM simulator.

Every process can be killed, stopped and started again by name. A fleet has a database, a vhost and a Redis database of
its own, so several may run on the same servers.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from cryptography.fernet import Fernet

from fanfare_shared.contracts.words import Lane
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from fanfare_shared.testing.brokers import BrokerManagement, loaded_vhost
from fanfare_shared.testing.databases import migrated_database
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from fanfare_shared.testing.ports import free_port
from fanfare_shared.testing.redis_databases import own_redis
from fcm_simulator.client import SimulatorClient
from harness.client import Client
from harness.least_privilege import addresses_of_services
from harness.processes import Process
from harness.prometheus import ScrapeTarget

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[2]
_PROGRAMS = Path(sys.executable).parent
_ALL_SCOPES = ["read", "devices", "campaigns", "images", "admin"]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@dataclass
class Fleet:
    """Use as a context: leaving it stops every process. `settings` are `FANFARE_*` settings for all services.

    `of_services`: settings of one service only, by its name. Workers that are started while `with_metrics` is true serve
    /metrics.
    """

    database: DatabaseSettings
    broker: BrokerSettings
    redis_url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    project: str = "demo-project"
    with_metrics: bool = False
    of_services: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._bootstrap_key = secrets.token_urlsafe(24)
        self._encryption_key = Fernet.generate_key().decode()
        self._signing_key = secrets.token_urlsafe(32)
        self._api_port = free_port()
        self._simulator_ports = (free_port(), free_port())
        self.storage.mkdir(exist_ok=True)
        self._client: Client | None = None
        self._simulator: SimulatorClient | None = None
        self._commands: dict[str, tuple[list[str], dict[str, str]]] = {}
        self._metrics_ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            for process in self.processes.values():
                sys.stderr.write(f"== {process.name}\n{process.tail()}\n")
        for process in self.processes.values():
            process.kill()

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self._api_port}"

    @property
    def fcm_url(self) -> str:
        return f"https://localhost:{self._simulator_ports[0]}"

    @property
    def fault_url(self) -> str:
        """FCM's wire faults are here; set it as FANFARE_FCM_ENDPOINT of the workers that shall meet them."""
        return f"https://localhost:{self._simulator_ports[1]}"

    @property
    def client(self) -> Client:
        """With a key of every scope, made on first use."""
        if self._client is None:
            body = {"name": "tests", "scopes": _ALL_SCOPES}
            headers = {"Authorization": f"Bearer {self._bootstrap_key}"}
            answer = httpx.post(f"{self.api_url}/v1/api-keys", json=body, headers=headers, timeout=60, trust_env=False)
            answer.raise_for_status()
            self._client = Client(self.api_url, answer.json()["key"])
        return self._client

    @property
    def storage(self) -> Path:
        """The folder that holds originals and variants."""
        return self.folder / "storage"

    @property
    def simulator(self) -> SimulatorClient:
        if self._simulator is None:
            self._simulator = SimulatorClient(self.fcm_url, self.ca_file)
        return self._simulator

    @property
    def credentials(self) -> dict[str, Any]:
        """A service account of the simulator's."""
        command = ["credentials", "--state", str(self._simulator_folder), "--project", self.project]
        command += ["--token-uri", f"{self.fcm_url}/token"]
        printed = subprocess.run(
            [str(_PROGRAMS / "fcm-simulator"), *command], check=True, capture_output=True, text=True
        ).stdout
        return dict(json.loads(printed))

    @property
    def ca_file(self) -> Path:
        return self._simulator_folder / "ca.pem"

    @property
    def simulator_certificate(self) -> tuple[Path, Path]:
        """Certificate and key of `localhost`, for another server that stands in for FCM."""
        return self._simulator_folder / "server.pem", self._simulator_folder / "server.key"

    def metrics(self, name: str) -> str:
        """What this process says at /metrics."""
        url = self.api_url if name == "api" else f"http://{HOST}:{self._metrics_ports[name]}"
        return httpx.get(f"{url}/metrics", timeout=60, trust_env=False).raise_for_status().text

    @property
    def scrape_targets(self) -> list[ScrapeTarget]:
        """Of the processes that live and serve /metrics."""
        ports = {"api": self._api_port, **self._metrics_ports}
        return [
            ScrapeTarget(
                job=self._commands[name][0][0].removeprefix("fanfare-"), workload=name, address=f"{HOST}:{ports[name]}"
            )
            for name, process in self.processes.items()
            if name in ports and process.alive
        ]

    @property
    def secrets(self) -> dict[str, str]:
        """What this fleet was given and nobody may read in a log, by name."""
        return {
            "bootstrap key": self._bootstrap_key,
            "encryption key": self._encryption_key,
            "signing key": self._signing_key,
        }

    def access_token(self) -> str:
        """An access token without the OAuth flow, for a sender that is not Fanfare."""
        return self.simulator.access_token(self.project)

    def ledger(self) -> Ledger:
        return Ledger(self.database, "harness")

    def start_all(
        self,
        *,
        concurrency: int = 1,
        priorities: tuple[str, ...] = ("high", "normal", "low"),
        lanes: tuple[Lane, ...] = (),
    ) -> Self:
        """A push-worker for each priority, an image-worker for each lane: none unless asked for."""
        self.start_simulator()
        self.start_api()
        self.start_orchestrator()
        for priority in priorities:
            self.start_push_worker(priority, concurrency=concurrency)
        for lane in lanes:
            self.start_image_worker(lane, concurrency=concurrency)
        return self

    def start_simulator(self) -> Process:
        main, fault = self._simulator_ports
        process = self._start(
            "simulator",
            [
                *("fcm-simulator", "serve", "--state", str(self._simulator_folder), "--host", HOST),
                *("--port", str(main), "--fault-port", str(fault)),
            ],
            {},
        )
        until(
            "the simulator is ready",
            lambda: self._lives(process) and self.ca_file.exists() and self.simulator.healthy(),
            90,
        )
        return process

    def start_api(self) -> Process:
        process = self._start(
            "api", ["fanfare-api"], {"FANFARE_API_HOST": HOST, "FANFARE_API_PORT": str(self._api_port)}
        )
        self.wait_until_api_ready()
        return process

    def start_orchestrator(self, name: str = "orchestrator") -> Process:
        return self._start_worker(name, "fanfare-orchestrator", {})

    def start_push_worker(
        self, priority: str = "normal", *, concurrency: int = 1, name: str | None = None, **settings: str
    ) -> Process:
        own = {"FANFARE_WORKER_QUEUES": f"push.{priority}", "FANFARE_WORKER_CONCURRENCY": str(concurrency), **settings}
        return self._start_worker(name or f"push-worker-{priority}", "fanfare-push-worker", own)

    def start_image_worker(
        self, *lanes: Lane, concurrency: int = 1, name: str | None = None, **settings: str
    ) -> Process:
        """For these lanes, all of them where none is given; named after its only lane, else `image-worker`."""
        own = {"FANFARE_WORKER_QUEUES": ",".join(lanes), "FANFARE_WORKER_CONCURRENCY": str(concurrency), **settings}
        usual = f"image-worker-{lanes[0].name.lower()}" if len(lanes) == 1 else "image-worker"
        return self._start_worker(name or usual, "fanfare-image-worker", own)

    def restart(self, name: str) -> Process:
        """Starts a process again, with the command it had, and does not wait until it is ready."""
        command, environment = self._commands[name]
        self.processes[name].kill()
        self._ready_file(name).unlink(missing_ok=True)
        return self._start(name, command, environment)

    def probe(self, name: str, question: Literal["live", "ready"]) -> str:
        """What is wrong, as the process's own probe says it to a container's runtime; empty where nothing is."""
        if name == "api":
            answer = httpx.get(
                f"{self.api_url}/{'healthz' if question == 'live' else 'readyz'}", timeout=30, trust_env=False
            )
            return "" if answer.status_code == httpx.codes.OK else answer.text
        command, environment = self._commands[name]
        probe = [str(_PROGRAMS / "fanfare-probe"), question]
        ended = subprocess.run(
            probe, env={**self._environment(command[0]), **environment}, capture_output=True, text=True, check=False
        )
        return ended.stderr or ("" if ended.returncode == 0 else f"exit status {ended.returncode}")

    def wait_until_connected(self, *names: str) -> None:
        """Until those workers take messages."""
        for name in names:
            until(f"{name} is connected", partial(self._is_connected, name), 120)

    def wait_until_api_ready(self) -> None:
        until("the api is ready", lambda: self._lives(self.processes["api"]) and self._api_ready(), 120)

    def _start_worker(self, name: str, program: str, own: dict[str, str]) -> Process:
        ready = self._ready_file(name)
        ready.unlink(missing_ok=True)
        settings = {
            "FANFARE_WORKER_NAME": name,
            "FANFARE_HEARTBEAT_FILE": str(self.folder / f"{name}.heartbeat"),
            "FANFARE_READY_FILE": str(ready),
        }
        if self.with_metrics:
            port = self._metrics_ports[name] = free_port()
            settings |= {
                "FANFARE_METRICS_DIR": str(self.folder / f"{name}.metrics"),
                "FANFARE_METRICS_HOST": HOST,
                "FANFARE_METRICS_PORT": str(port),
            }
        process = self._start(name, [program], {**settings, **own})
        self.wait_until_connected(name)
        return process

    def _ready_file(self, name: str) -> Path:
        return self.folder / f"{name}.ready"

    def _is_connected(self, name: str) -> bool:
        return self._lives(self.processes[name]) and self._ready_file(name).exists()

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> Process:
        self._commands[name] = (command, environment)
        program = [str(_PROGRAMS / command[0]), *command[1:]]
        self.processes[name] = Process(name, program, {**self._environment(command[0]), **environment}, self.folder)
        return self.processes[name]

    def _environment(self, program: str = "") -> dict[str, str]:
        """None of the surrounding `FANFARE_*` settings: a fleet is what it is given."""
        foreign = {name: value for name, value in os.environ.items() if not name.startswith("FANFARE_")}
        return foreign | {
            "FANFARE_DATABASE_URL": self.database.database_url.get_secret_value(),
            "FANFARE_BROKER_URL": self.broker.broker_url.get_secret_value(),
            "FANFARE_REDIS_URL": self.redis_url,
            "FANFARE_ENCRYPTION_KEYS": self._encryption_key,
            "FANFARE_SIGNING_KEYS": self._signing_key,
            "FANFARE_BOOTSTRAP_API_KEY": self._bootstrap_key,
            "FANFARE_FCM_ENDPOINT": self.fcm_url,
            "FANFARE_FCM_CA_FILE": str(self.ca_file),
            "FANFARE_STORAGE_URL": self.storage.as_uri(),
            "FANFARE_PUBLIC_URL": self.api_url,
            **self.of_services.get(program.removeprefix("fanfare-"), {}),
            **self.settings,
        }

    @property
    def _simulator_folder(self) -> Path:
        return self.folder / "simulator"

    def _lives(self, process: Process) -> bool:
        if not process.alive:
            raise RuntimeError(f"{process.name} ended by itself:\n{process.tail()}")
        return True

    def _api_ready(self) -> bool:
        try:
            return httpx.get(f"{self.api_url}/readyz", timeout=30, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@contextmanager
def own_servers(servers: ServerAddresses) -> Iterator[dict[str, Any]]:
    """What a Fleet is given of these servers: a migrated database, a vhost with the queues and a Redis database of its own,
    and a role of its own for each service.
    """
    with ExitStack() as stack:
        database = stack.enter_context(migrated_database(servers.database_url.get_secret_value()))
        management = BrokerManagement(servers.broker_management_url.get_secret_value())
        stack.callback(management.close)
        definitions = ROOT / "deploy" / "rabbitmq" / "definitions.json"
        broker = stack.enter_context(loaded_vhost(management, servers.broker_url.get_secret_value(), definitions))
        yield {
            "database": database,
            "broker": broker,
            "redis_url": stack.enter_context(own_redis(servers.redis_url.get_secret_value())),
            "of_services": stack.enter_context(addresses_of_services(servers, management, database, broker)),
        }


@contextmanager
def fleet_on(servers: ServerAddresses, folder: Path, **settings: str) -> Iterator[Fleet]:
    """A fleet with nothing started yet, on places of its own on these servers."""
    with own_servers(servers) as own, Fleet(**own, folder=folder, settings=settings) as fleet:
        yield fleet
