"""A real Prometheus that scrapes a fleet as production's does: the same jobs, the same labels.

    with prometheus_of(fleet, servers, folder) as prometheus:
        prometheus.wait_until_scraped()
        prometheus.query('sum(rabbitmq_detailed_queue_messages{queue="push.normal"})')

Jobs: a service's name, with the Deployment's as `workload`; `rabbitmq` for the node; `rabbitmq-queues` for the depth of
each queue, whose `vhost` label always says `fanfare`, whatever the tests' own vhost is called.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import yaml

from fanfare_native import programs
from fanfare_shared.errors import ConfigurationError
from fanfare_shared.testing.brokers import vhost_of
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from fanfare_shared.testing.ports import free_port
from harness.processes import Process

if TYPE_CHECKING:
    from harness.fleet import Fleet

HOST = "127.0.0.1"
VHOST = "fanfare"
_FAMILIES = ["queue_coarse_metrics", "queue_consumer_count"]


@dataclass(frozen=True)
class ScrapeTarget:
    """A process that serves /metrics at `address`, host:port."""

    job: str
    workload: str
    address: str


class Prometheus:
    """Answers as Prometheus' HTTP API does: a list of series, each with its `metric` (the labels) and `value` or `values`.

    Raises ValueError for a query that does not parse.
    """

    def __init__(
        self, url: str, process: Process, targets_file: Path, targets: Callable[[], Sequence[ScrapeTarget]]
    ) -> None:
        self.url = url
        self.process = process
        self._targets_file = targets_file
        self._targets = targets
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """An instant query, now or `at` that time (epoch seconds)."""
        return self._result("/api/v1/query", query=expression, **({} if at is None else {"time": at}))

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """From `start` to `end` (epoch seconds), a value each `step` seconds."""
        return self._result("/api/v1/query_range", query=expression, start=start, end=end, step=step)

    def value(self, expression: str) -> float | None:
        """The value of a query that gives one series; None where it gives none."""
        series = self.query(expression)
        if not series:
            return None
        (only,) = series
        return float(only["value"][1])

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or firing."""
        return list(self._data("/api/v1/alerts")["alerts"])

    def label_values(self, label: str, selector: str) -> list[str]:
        return list(self._data(f"/api/v1/label/{label}/values", **{"match[]": selector}))

    def follow_targets(self) -> None:
        """Tells Prometheus which processes there are now; it takes notice by itself."""
        groups = [
            {"targets": [target.address], "labels": {"job": target.job, "workload": target.workload}}
            for target in self._targets()
        ]
        draft = self._targets_file.with_suffix(".draft")
        draft.write_text(json.dumps(groups))
        draft.rename(self._targets_file)

    def wait_until_scraped(self, seconds: float = 120) -> None:
        """Until every target there is now, RabbitMQ included, was scraped with success."""
        self.follow_targets()
        wanted = {(target.job, target.workload) for target in self._targets()} | {
            ("rabbitmq", ""),
            ("rabbitmq-queues", ""),
        }

        def up() -> bool:
            if not self.process.alive:
                raise RuntimeError(f"prometheus ended by itself:\n{self.process.tail()}")
            seen = {(series["metric"]["job"], series["metric"].get("workload", "")) for series in self.query("up == 1")}
            return wanted <= seen

        until(f"Prometheus has scraped {len(wanted)} targets", up, seconds)

    def close(self) -> None:
        self._http.close()
        self.process.kill()

    def _result(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        return list(self._data(path, **parameters)["result"])

    def _data(self, path: str, **parameters: Any) -> Any:
        answer = self._http.get(path, params=parameters)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise ValueError(f"{answer.json()['error']}: {parameters.get('query')}")
        return answer.raise_for_status().json()["data"]


def promtool(*arguments: str) -> None:
    """Installs it where it is missing. AssertionError with what it said, where it is not content."""
    programs.ensure(programs.PROMETHEUS)
    command = [str(programs.program(programs.PROMETHEUS, "promtool")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def prometheus_on(
    servers: ServerAddresses,
    folder: Path,
    *,
    vhost: str,
    targets: Callable[[], Sequence[ScrapeTarget]] = list,
    scrape_interval: str = "1s",
    rules: Sequence[Path] = (),
) -> Iterator[Prometheus]:
    """Installs Prometheus where it is missing, and runs one for as long as the context lasts.

    `targets` is asked again by `follow_targets`; `rules` are files of rules, evaluated each `scrape_interval`.
    """
    programs.ensure(programs.PROMETHEUS)
    if servers.broker_prometheus_url is None:
        raise ConfigurationError("FANFARE_BROKER_PROMETHEUS_URL not set: run `make servers` and then `. .run/env`")
    folder.mkdir(exist_ok=True)
    targets_file = folder / "targets.json"
    targets_file.write_text("[]")
    configuration = folder / "prometheus.yml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": scrape_interval, "evaluation_interval": scrape_interval},
                "rule_files": [str(file) for file in rules],
                "scrape_configs": [
                    {
                        "job_name": "fleet",
                        "file_sd_configs": [{"files": [str(targets_file)], "refresh_interval": "5s"}],
                    },
                    *_of_rabbitmq(servers.broker_prometheus_url, vhost),
                ],
            }
        )
    )
    url = f"http://{HOST}:{free_port()}"
    command = [
        str(programs.program(programs.PROMETHEUS, "prometheus")),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={urlsplit(url).netloc}",
    ]
    prometheus = Prometheus(url, Process("prometheus", command, {}, folder), targets_file, targets)
    try:
        until("Prometheus is ready", lambda: _is_ready(prometheus), 120)
        prometheus.follow_targets()
        yield prometheus
    finally:
        prometheus.close()


@contextmanager
def prometheus_of(
    fleet: "Fleet",
    servers: ServerAddresses,
    folder: Path,
    *,
    scrape_interval: str = "1s",
    rules: Sequence[Path] = (),
) -> Iterator[Prometheus]:
    """One that scrapes whatever of the fleet lives and serves /metrics, and the queues of its vhost."""
    with prometheus_on(
        servers,
        folder,
        vhost=vhost_of(fleet.broker),
        targets=lambda: fleet.scrape_targets,
        scrape_interval=scrape_interval,
        rules=rules,
    ) as prometheus:
        yield prometheus


def _of_rabbitmq(metrics_url: str, vhost: str) -> list[dict[str, Any]]:
    parts = urlsplit(metrics_url)
    where = {"scheme": parts.scheme, "static_configs": [{"targets": [parts.netloc]}]}
    return [
        {"job_name": "rabbitmq", "metrics_path": parts.path, **where},
        {
            "job_name": "rabbitmq-queues",
            "metrics_path": f"{parts.path}/detailed",
            "params": {"family": _FAMILIES, "vhost": [vhost]},
            "metric_relabel_configs": [
                {"source_labels": ["vhost"], "regex": ".+", "target_label": "vhost", "replacement": VHOST}
            ],
            **where,
        },
    ]


def _is_ready(prometheus: Prometheus) -> bool:
    if not prometheus.process.alive:
        raise RuntimeError(f"prometheus ended by itself:\n{prometheus.process.tail()}")
    try:
        return httpx.get(f"{prometheus.url}/-/ready", timeout=10, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
