"""docker-compose.yml keeps Compose's schema, and the rules that a fleet is trusted by."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from flower.monitor import FLOWER

from compose.compose_file import ROOT, ComposeFile, Service, dotenv, fill_in, merged, read
from fanfare_api.settings import ApiSettings
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane, Priority
from fanfare_shared.settings import WorkerSettings
from harness.prometheus import promtool

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
# What .env says to take out of its comment.
WITH_FLOWER = dict(re.findall(r"^#(COMPOSE_FILE)=(.+)$", (ROOT / ".env").read_text(), re.MULTILINE))
SERVICES = sorted(read(WITH_FLOWER).all_services)
WORKERS = {
    **{f"push-worker-{priority.value}": Queue.for_push(priority) for priority in Priority},
    **{f"image-worker-{lane.name.lower()}": Queue.for_images(lane) for lane in Lane},
}
# As root, with what it needs to give files away; it reaches no network.
MAKES_SECRETS = "secrets"


@pytest.fixture(scope="module")
def compose_file() -> ComposeFile:
    return read()


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Service:
    return read(WITH_FLOWER).all_services[request.param]


@pytest.mark.parametrize("file", WITH_FLOWER["COMPOSE_FILE"].split(":"))
def test_it_keeps_the_schema_of_compose(file: str) -> None:
    check = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / file)]
    checked = subprocess.run([sys.executable, *check], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_variables_are_filled_in_as_compose_does() -> None:
    variables = {"SET": "value", "EMPTY": ""}
    assert fill_in("${SET} ${SET:-other} ${EMPTY:-other} ${EMPTY-other} ${UNSET-other} $$SET", variables) == (
        "value value other  other $SET"
    )


def test_files_are_merged_as_compose_does() -> None:
    under = {"services": {"one": {"image": "one", "environment": {"A": "1", "B": "1"}, "tmpfs": ["/tmp"]}}}  # noqa: S108
    over = {"services": {"one": {"environment": {"B": "2"}}, "two": {"image": "two"}}}
    assert merged(under, over)["services"] == {
        "one": {"image": "one", "environment": {"A": "1", "B": "2"}, "tmpfs": ["/tmp"]},  # noqa: S108
        "two": {"image": "two"},
    }
    with pytest.raises(ValueError, match="tmpfs"):
        merged(under, {"services": {"one": {"tmpfs": ["/run"]}}})


def test_the_simulator_stands_in_for_google_unless_it_is_commented_out(compose_file: ComposeFile) -> None:
    assert "fcm-simulator" in compose_file.services
    assert "flower" not in compose_file.services
    alone = read({"COMPOSE_PROFILES": ""})
    assert not [name for name in alone.services if "simulator" in name]
    for service in alone.services.values():
        for name in service.depends_on:
            optional = service.stated["depends_on"][name].get("required") is False
            assert name in alone.services or optional, f"{service.name} waits for {name}"


def test_each_priority_and_lane_is_a_service_of_its_own(compose_file: ComposeFile) -> None:
    consumed = {
        name: service.environment["FANFARE_WORKER_QUEUES"]
        for name, service in compose_file.services.items()
        if "FANFARE_WORKER_QUEUES" in service.environment
    }
    assert consumed == {name: queue.value for name, queue in WORKERS.items()}
    for name in consumed:
        assert compose_file.services[name].environment["FANFARE_WORKER_NAME"] == name


def test_one_line_starts_flower_and_lets_it_see_and_command_the_workers(compose_file: ComposeFile) -> None:
    monitored = {"FANFARE_WORKER_EVENTS": "true", "FANFARE_WORKER_REMOTE_CONTROL": "true"}
    with_flower = read(WITH_FLOWER)
    assert with_flower.services.keys() - compose_file.services.keys() == {"flower"}
    assert with_flower.services["flower"].command[3:] == FLOWER
    assert with_flower.services["flower"].stated["ports"] == ["127.0.0.1:5555:5555"]
    changed = {name for name, service in compose_file.services.items() if service != with_flower.services[name]}
    assert changed == {*WORKERS, "orchestrator", "secrets", "rabbitmq"}
    for name in changed:
        before = compose_file.services[name].environment
        assert with_flower.services[name].environment == before | monitored
        assert not before.keys() & monitored.keys()
    assert f"COMPOSE_FILE={WITH_FLOWER['COMPOSE_FILE']}" in (ROOT / "docs" / "flower.md").read_text()


def test_flower_can_be_let_watch_alone() -> None:
    watched = read(WITH_FLOWER | {"FANFARE_WORKER_REMOTE_CONTROL": "false"})
    for name in (*WORKERS, "orchestrator", "secrets", "rabbitmq"):
        environment = watched.services[name].environment
        assert environment["FANFARE_WORKER_EVENTS"] == "true"
        assert environment["FANFARE_WORKER_REMOTE_CONTROL"] == "false"


def test_traces_go_where_the_shell_or_dotenv_says(compose_file: ComposeFile) -> None:
    given = {"FANFARE_OTLP_ENDPOINT": "http://collector:4318", "FANFARE_TRACE_SAMPLE_RATIO": "0.1"}
    traced = read(given)
    for name in (*WORKERS, "orchestrator", "api"):
        assert traced.services[name].environment.items() >= given.items()
        assert not compose_file.services[name].environment.keys() & given.keys()


@pytest.mark.parametrize("events", ["", "true"])
def test_rights_for_a_monitor_are_given_only_when_wanted(tmp_path: Path, events: str) -> None:
    def stated(name: str) -> dict[str, dict[str, str]]:
        listed = json.loads((ROOT / "deploy" / "rabbitmq" / name).read_text())["permissions"]
        return {permission["user"]: permission for permission in listed}

    folders = [place.removeprefix("/secrets/") for place in read().services["secrets"].mounts if "/secrets/" in place]
    for folder in folders:
        (tmp_path / "secrets" / folder).mkdir(parents=True)
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / "deploy").symlink_to(ROOT / "deploy")
    script = [str(ROOT / "deploy" / "compose" / "make_secrets.py"), "--owner", f"{os.getuid()}:{os.getgid()}"]
    environment = {**os.environ, "FANFARE_WORKER_EVENTS": events}
    subprocess.run(
        [sys.executable, *script, str(tmp_path / "secrets"), str(tmp_path / "clone")], env=environment, check=True
    )
    made = json.loads((tmp_path / "secrets" / "rabbitmq" / "definitions" / "users.json").read_text())
    given = {permission["user"]: permission for permission in made["permissions"]}
    given.pop("fanfare-admin")
    assert given == stated("permissions.json") | (stated("permissions-flower.json") if events else {})
    assert {user["name"] for user in made["users"]} == {*given, "fanfare-admin"}


def test_images_are_pinned(service: Service) -> None:
    name, _, tag = service.stated["image"].partition(":")
    if service.is_ours:
        assert tag == VERSION
        assert (ROOT / service.stated["build"]["dockerfile"]).is_file()
        assert service.stated["build"]["dockerfile"].split("/")[-2] == name.removeprefix("fanfare/")
    else:
        assert re.match(r"v?\d+\.\d+", tag), f"{name}:{tag}"


def test_a_container_can_do_little_but_its_work(service: Service) -> None:
    stated = service.stated
    assert stated["read_only"] is True
    assert "/tmp" in stated["tmpfs"]  # noqa: S108 - the container's own
    assert stated["cap_drop"] == ["ALL"]
    assert stated["security_opt"] == ["no-new-privileges:true"]
    assert stated["logging"]["options"]["max-size"]
    assert "privileged" not in stated
    if service.name == MAKES_SECRETS:
        assert stated["network_mode"] == "none"
    else:
        assert "cap_add" not in stated


def test_nothing_is_reachable_from_outside_the_machine(service: Service) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.stated.get("ports", []))


def test_what_ends_is_not_started_again_and_all_else_is(service: Service, compose_file: ComposeFile) -> None:
    ends = {
        name
        for other in compose_file.all_services.values()
        for name, condition in other.depends_on.items()
        if condition == "service_completed_successfully"
    }
    assert service.stated["restart"] == ("no" if service.name in ends else "unless-stopped")
    assert bool(service.health_check) == (service.name not in ends)


def test_no_secret_is_in_the_file_nor_in_a_container_s_stated_environment(service: Service) -> None:
    for name, value in service.environment.items():
        assert not re.search(r"PASSWORD|SECRET|TOKEN|KEY|_URL$", name) or (
            name.endswith("_FILE") or ("@" not in value and name in {"FANFARE_PUBLIC_URL", "FANFARE_STORAGE_URL"})
        ), name
    assert not re.search(r"://[^/\s]*:[^/\s]*@", str(service.stated))
    assert not re.search(r"PASSWORD|SECRET|TOKEN|KEY", " ".join(dotenv(ROOT / ".env")))


def test_a_service_is_handed_its_own_secrets_alone(service: Service, compose_file: ComposeFile) -> None:
    made = {
        source for source in compose_file.all_services[MAKES_SECRETS].mounts.values() if source.startswith("secrets")
    }
    assert made == {name for name in compose_file.stated["volumes"] if name.startswith("secrets")}
    if service.name == MAKES_SECRETS:
        return
    mounted = [source for source in service.mounts.values() if source.startswith("secrets")]
    program = re.sub(r"^(push-worker|image-worker)-.*", r"\1", service.name)
    assert mounted in ([], [f"secrets-{program}"])


def test_what_is_mounted_is_there(service: Service, compose_file: ComposeFile) -> None:
    for source in service.mounts.values():
        if source.startswith("./"):
            assert source.startswith("./.run") or (ROOT / source).exists(), source
        else:
            assert source in compose_file.stated["volumes"]


def test_a_service_is_given_more_time_to_stop_than_it_takes(compose_file: ComposeFile) -> None:
    shutdown = WorkerSettings.model_fields["worker_shutdown_seconds"].default
    for name in ("orchestrator", *WORKERS):
        assert compose_file.services[name].grace_seconds >= shutdown + 15
    assert compose_file.services["api"].grace_seconds > ApiSettings.model_fields["api_drain_seconds"].default


def test_prometheus_takes_its_configuration() -> None:
    promtool("check", "config", str(ROOT / "deploy" / "prometheus" / "prometheus.yml"))


def test_prometheus_scrapes_every_program_of_ours_under_the_fleet_s_labels(compose_file: ComposeFile) -> None:
    scraped = {}
    for scrape in yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]:
        for group in scrape["static_configs"]:
            for target in group["targets"]:
                scraped[target] = (scrape["job_name"], group.get("labels", {}).get("workload"))
    expected = {"api:8000": ("api", "api"), "orchestrator:9400": ("orchestrator", "orchestrator")}
    expected |= {f"{name}:9400": (name.rpartition("-")[0], name) for name in WORKERS}
    assert {target: labels for target, labels in scraped.items() if not target.startswith("rabbitmq:")} == expected
    assert {target.partition(":")[0] for target in scraped} <= compose_file.services.keys()


def test_grafana_s_datasource_has_the_uid_that_dashboards_name() -> None:
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    (datasource,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert datasource["uid"] == "prometheus"
    assert datasource["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "fanfare.yml").read_text())["providers"]
    assert provider["options"]["path"] in read().services["grafana"].mounts
