"""What the containers are given is what the services read, and their secrets are named, never there."""

import base64
import hashlib
import json
import os
import re
from typing import Any

import pytest
import yaml

from fanfare_shared.settings import DatabaseSettings, Settings
from harness.kustomize import MANIFESTS, ROOT
from harness.settings_table import SERVICES as CLASSES
from k8s.manifests import SERVICES, Manifests, container, env_secrets, name_of, pod_spec, service_of

BY_OTHERS = {
    "rabbitmq-tls": "cert-manager",
    "redis-tls": "cert-manager",
    "fanfare-ca": "cert-manager",
    "postgresql-ca": "CloudNativePG",
    "api-tls": "whoever certifies the public name",
    "postgresql-backups": "the operator: the object store's keys",
    "fanfare-smtp": "the operator, where e-mail is wanted",
    "fanfare-storage": "the operator, where no role gives access to the bucket",
}
"""Secrets that make_secrets.py does not make."""

Made = dict[bool, dict[str, Any]]


def known(settings: type[Settings]) -> set[str]:
    return {f"FANFARE_{name.upper()}" for name in settings.model_fields}


def secret_names(value: Any, key: str = "") -> set[str]:
    """Every Secret that a manifest names, wherever it does."""
    if isinstance(value, list):
        return {name for item in value for name in secret_names(item, key)}
    if not isinstance(value, dict):
        return {value} if key in {"secretName", "caSecretName"} else set()
    if (
        key in {"secretRef", "secretKeyRef", "secret", "passwordSecret", "accessKeyId", "secretAccessKey"}
        and "name" in value
    ):
        return {value["name"]}
    return {name for key, item in value.items() for name in secret_names(item, key)}


@pytest.mark.parametrize("tls", [False, True], ids=["dev", "production"])
def test_each_service_starts_with_what_it_is_given(
    tls: bool, made_secrets: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its settings class takes ConfigMap, environment and Secrets together, and refuses what does not fit."""
    manifests = Manifests.of("overlays/production" if tls else "overlays/dev")
    for deployment in manifests.services:
        environment = manifests.environment(deployment)
        for secret in env_secrets(deployment):
            if not secret.get("optional"):
                environment |= made_secrets[tls][secret["name"]]["stringData"]
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("FANFARE_")]:
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            CLASSES[service_of(deployment)]()


def test_no_environment_variable_is_one_that_the_service_does_not_read(overlay: Manifests, made_secrets: Made) -> None:
    everything = set().union(*(known(settings) for settings in CLASSES.values()))
    for deployment in overlay.services:
        own = known(CLASSES[service_of(deployment)])
        assert {variable["name"] for variable in container(deployment).get("env", [])} <= own, name_of(deployment)
        assert overlay.environment(deployment).keys() <= everything
        for secret in env_secrets(deployment):
            if not secret.get("optional"):
                assert made_secrets[True][secret["name"]]["stringData"].keys() <= own, secret
    for job in overlay.kind("Job"):
        assert {variable["name"] for variable in container(job).get("env", [])} <= known(DatabaseSettings)


def test_each_service_has_a_secret_of_its_own(overlay: Manifests) -> None:
    for workload in [*overlay.services, *overlay.kind("Job")]:
        own = [secret["name"] for secret in env_secrets(workload) if not secret.get("optional")]
        assert own == [f"fanfare-{service_of(workload)}"]


def test_each_service_has_a_user_and_a_role_of_its_own(made_secrets: Made) -> None:
    secrets = made_secrets[True]
    brokers = {s: secrets[f"fanfare-{s}"]["stringData"]["FANFARE_BROKER_URL"] for s in SERVICES}
    ledgers = {s: secrets[f"fanfare-{s}"]["stringData"]["FANFARE_DATABASE_URL"] for s in (*SERVICES, "migrate")}
    assert {s: url.split("/")[2].split(":")[0] for s, url in brokers.items()} == {s: s for s in SERVICES}
    roles = {s: url.split("/")[2].split(":")[0] for s, url in ledgers.items()}
    assert roles == {s: f"fanfare_{s.replace('-', '_')}" for s in SERVICES} | {"migrate": "fanfare"}
    assert len(set(brokers.values())) == len(SERVICES)
    for service, url in ledgers.items():
        name = "postgresql-fanfare" if service == "migrate" else f"postgresql-fanfare-{service}"
        login = secrets[name]["stringData"]
        assert url.startswith(f"postgresql://{login['username']}:{login['password']}@")


def test_the_brokers_users_have_the_permissions_of_deploy_rabbitmq(made_secrets: Made) -> None:
    users = json.loads(made_secrets[True]["rabbitmq-users"]["stringData"]["users.json"])
    committed = json.loads((ROOT / "deploy/rabbitmq/permissions.json").read_text())["permissions"]
    assert [each for each in users["permissions"] if each["user"] != "fanfare-admin"] == committed
    assert {user["name"] for user in users["users"]} == {"fanfare-admin", *SERVICES}


def test_the_brokers_hashes_are_of_the_passwords_in_the_addresses(made_secrets: Made) -> None:
    """RabbitMQ's rabbit_password_hashing_sha256: the salt, four bytes, and the SHA-256 of salt and password."""
    users = json.loads(made_secrets[True]["rabbitmq-users"]["stringData"]["users.json"])["users"]
    hashes = {user["name"]: base64.b64decode(user["password_hash"]) for user in users}
    passwords = {"fanfare-admin": made_secrets[True]["rabbitmq-admin"]["stringData"]["password"]} | {
        service: made_secrets[True][f"fanfare-{service}"]["stringData"]["FANFARE_BROKER_URL"]
        .split("@")[0]
        .split(":")[2]
        for service in SERVICES
    }
    assert hashes == {
        user: hashes[user][:4] + hashlib.sha256(hashes[user][:4] + password.encode()).digest()
        for user, password in passwords.items()
    }


def test_the_ledgers_roles_are_those_of_roles_sql(production: Manifests) -> None:
    cluster = production.the("Cluster", "postgresql")["spec"]
    managed = {role["name"] for role in cluster["managed"]["roles"]} | {cluster["bootstrap"]["initdb"]["owner"]}
    sql = (ROOT / "deploy/postgresql/roles.sql").read_text()
    assert managed == set(re.findall(r"'(fanfare\w*)'", sql))
    (script,) = cluster["bootstrap"]["initdb"]["postInitSQLRefs"]["configMapRefs"]
    assert production.the("ConfigMap", script["name"])["data"][script["key"]] == sql


def test_the_broker_loads_the_committed_queues(production: Manifests) -> None:
    committed = (ROOT / "deploy/rabbitmq/definitions.json").read_text()
    assert production.the("ConfigMap", "rabbitmq-definitions")["data"]["definitions.json"] == committed


def test_no_overlay_holds_a_secret_and_every_secret_it_names_is_made_by_somebody(
    overlay: Manifests, made_secrets: Made
) -> None:
    assert overlay.kind("Secret") == []
    named = {name for manifest in overlay.all for name in secret_names(manifest)}
    assert named <= made_secrets[True].keys() | BY_OTHERS.keys()


def test_every_secret_that_is_made_is_used_or_for_the_operator(production: Manifests, made_secrets: Made) -> None:
    named = {name for manifest in production.all for name in secret_names(manifest)}
    assert made_secrets[True].keys() - named == {"rabbitmq-admin"}


def test_no_password_is_in_a_rendered_manifest(overlay: Manifests) -> None:
    """Neither in an address nor in a variable."""
    for manifest in overlay.all:
        text = yaml.safe_dump(manifest)
        assert not re.search(r"://[^/\s@]*:[^/\s@]+@", text), name_of(manifest)
    for workload in overlay.workloads:
        for name in overlay.environment(workload) if workload["kind"] == "Deployment" else []:
            assert not re.search("PASSWORD|SECRET|ENCRYPTION|SIGNING|API_KEY|_URL$", name) or name in {
                "FANFARE_PUBLIC_URL",
                "FANFARE_STORAGE_URL",
            }, name


def test_passwords_are_new_each_time(made_secrets: Made) -> None:
    one, other = (made_secrets[tls]["fanfare-api"]["stringData"] for tls in (False, True))
    for name in ("FANFARE_ENCRYPTION_KEYS", "FANFARE_SIGNING_KEYS", "FANFARE_BOOTSTRAP_API_KEY"):
        assert one[name] != other[name]


def test_the_example_shows_what_is_made(made_secrets: Made) -> None:
    example = {
        secret["metadata"]["name"]: secret
        for secret in yaml.safe_load_all((MANIFESTS / "secrets.example.yaml").read_text())
    }
    made = made_secrets[True]
    assert example.keys() == made.keys()
    for name, secret in example.items():
        assert secret["stringData"].keys() == made[name]["stringData"].keys()
        assert secret["metadata"] == made[name]["metadata"]
        assert secret["type"] == made[name]["type"]
        for key, value in secret["stringData"].items():
            assert "<" in value or key == "username", (name, key)


def test_production_speaks_tls_to_every_server(production: Manifests, made_secrets: Made) -> None:
    for service in SERVICES:
        secret = made_secrets[True][f"fanfare-{service}"]["stringData"]
        assert secret["FANFARE_BROKER_URL"].startswith("amqps://")
        assert secret.get("FANFARE_REDIS_URL", "rediss://").startswith("rediss://")
    for deployment in production.services:
        environment = production.environment(deployment)
        (tls,) = [volume for volume in pod_spec(deployment)["volumes"] if volume["name"] == "tls"]
        (mounted,) = [m["mountPath"] for m in container(deployment)["volumeMounts"] if m["name"] == "tls"]
        files = {
            f"{mounted}/{item['path']}" for source in tls["projected"]["sources"] for item in source["secret"]["items"]
        }
        assert {environment[f"FANFARE_{server}_CA_FILE"] for server in ("BROKER", "REDIS", "DATABASE")} == files
    job = production.the("Job", "migrate")
    assert production.environment(job) == {"FANFARE_DATABASE_CA_FILE": "/etc/fanfare/tls/postgresql.crt"}
    assert production.the("RabbitmqCluster", "rabbitmq")["spec"]["tls"]["disableNonTLSListeners"] is True
    assert (
        "hostnossl all all 0.0.0.0/0 reject" in production.the("Cluster", "postgresql")["spec"]["postgresql"]["pg_hba"]
    )
    (redis,) = [m for m in production.kind("ConfigMap") if name_of(m).startswith("redis-")]
    assert re.search(r"^port 0$", redis["data"]["redis.conf"], re.MULTILINE)


def test_certificates_are_for_the_names_in_the_addresses(production: Manifests, made_secrets: Made) -> None:
    secret = made_secrets[True]["fanfare-api"]["stringData"]
    for setting, certificate in (("FANFARE_BROKER_URL", "rabbitmq"), ("FANFARE_REDIS_URL", "redis")):
        host = secret[setting].rpartition("@")[2].split(":")[0]
        assert host in production.the("Certificate", certificate)["spec"]["dnsNames"]
