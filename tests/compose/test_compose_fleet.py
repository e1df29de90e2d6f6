"""What docker-compose.yml starts is a fleet: its commands and environments, run on real servers."""

import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import yaml

from compose.compose_file import ROOT
from compose.containers import HOST, Machine
from fanfare_native import programs
from fanfare_shared.testing.polling import until
from fanfare_shared.testing.ports import free_port
from harness.processes import Process


def blocks_of_readme() -> tuple[str, str]:
    """What it tells to type for one's own campaign, and for one's own images."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    campaign, images = [block for block in blocks if "FANFARE_API_URL" in block]
    return campaign, images


def test_the_readme_s_lines_work_unchanged(machine: Machine) -> None:
    settled = 'call "$FANFARE_API_URL/v1/campaigns/$campaign/stats"'
    script = "\n".join(["set -euo pipefail", *blocks_of_readme(), settled])

    typed = subprocess.run(
        ["bash", "-c", script],
        cwd=machine.clone,
        env={**os.environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert typed.returncode == 0, typed.stdout + typed.stderr
    stats = json.loads(typed.stdout.splitlines()[-1])
    assert stats["status"] == "completed"
    assert stats["success"] == stats["total_recipients"] == 2
    assert '"errors":{"IMAGE_CORRUPT":1}' in typed.stdout


def test_prometheus_has_every_target_up(machine: Machine, tmp_path: Path) -> None:
    programs.ensure(programs.PROMETHEUS)
    configuration = yaml.safe_load(machine.localized((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()))
    configuration["global"]["scrape_interval"] = "1s"
    (tmp_path / "rules").symlink_to(ROOT / "deploy" / "prometheus" / "rules")
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    targets = sum(len(group["targets"]) for job in configuration["scrape_configs"] for group in job["static_configs"])
    address = f"{HOST}:{free_port()}"
    command = [f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address={address}"]
    prometheus = Process(
        "prometheus", [str(programs.program(programs.PROMETHEUS, "prometheus")), *command], {}, tmp_path
    )

    def query(expression: str) -> list[dict[str, dict[str, str]]]:
        try:
            answer = httpx.get(f"http://{address}/api/v1/query", params={"query": expression}, trust_env=False)
        except httpx.TransportError:
            return []
        return list(answer.json()["data"]["result"]) if answer.is_success else []

    try:
        up = until("every target is up", lambda: query(f"up == 1 and on() count(up == 1) == {targets}"), 120)
        workloads = {series["metric"]["workload"] for series in up if "workload" in series["metric"]}
        assert workloads == set(machine.programs) - {"fcm-simulator"}
        queues = until("queues are seen", lambda: query('rabbitmq_detailed_queue_consumers{queue="push.high"} > 0'), 60)
        assert queues[0]["metric"]["vhost"] == "fanfare"
    finally:
        prometheus.kill()


def test_secrets_are_made_once_and_private(machine: Machine) -> None:
    private = [machine.clone / ".run" / "env", machine.clone / ".run" / "compose" / "passwords"]
    made = [file.read_text() for file in private]

    machine.run_to_end("secrets")

    assert [file.read_text() for file in private] == made
    for file in private:
        assert file.stat().st_mode & 0o777 == 0o600
    machine.localize_secrets()


def test_every_program_stops_within_its_grace(machine: Machine) -> None:
    assert machine.stop(*machine.programs) == dict.fromkeys(machine.programs, 0)
