"""Who may open a connection to whom, by the rendered NetworkPolicies alone.

A connection needs both sides: a policy of the one who opens it and one of the other. A pod that some policy selects for a
direction may do in it what policies allow, and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from k8s.manifests import NAME, Manifest, Manifests, container, matches, pod_labels, service_of

PRIVATE = {"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
PRIVATE_V6 = {"::1/128", "fc00::/7", "fe80::/10"}


@dataclass(frozen=True)
class Pod:
    """`ports` it listens on, by number; `names` of those that have one."""

    name: str
    labels: dict[str, str]
    ports: frozenset[int]
    names: dict[str, int] = field(default_factory=dict)


# The operators' own pods, with the labels and ports that the operators give them.
RABBITMQ = Pod("rabbitmq", {NAME: "rabbitmq"}, frozenset({4369, 25672, 5672, 5671, 15692, 15691, 15672}))
POSTGRESQL = Pod("postgresql", {"cnpg.io/cluster": "postgresql"}, frozenset({5432, 8000, 9187}))


def pods(manifests: Manifests) -> list[Pod]:
    """One of each service and of the Job, and the servers'."""
    found: dict[str, Pod] = {}
    for workload in manifests.workloads:
        named = {port["name"]: port["containerPort"] for port in container(workload).get("ports", [])}
        found[service_of(workload)] = Pod(service_of(workload), pod_labels(workload), frozenset(named.values()), named)
    return [*found.values(), RABBITMQ, POSTGRESQL]


def paths(manifests: Manifests) -> set[tuple[str, str, int]]:
    """Every (from, to, port) between different kinds of pod that both sides allow and somebody listens on."""
    policies = manifests.kind("NetworkPolicy")
    everyone = pods(manifests)
    return {
        (source.name, target.name, port)
        for source in everyone
        for target in everyone
        if source.name != target.name
        for port in target.ports
        if _allowed(policies, "Egress", source, target, target, port)
        and _allowed(policies, "Ingress", target, source, target, port)
    }


def entrances(manifests: Manifests, namespace: str) -> set[tuple[str, int]]:
    """Every (to, port) that is open to all pods of another namespace."""
    return {
        (target.name, port)
        for target in pods(manifests)
        for rule in _rules(manifests.kind("NetworkPolicy"), "Ingress", target)
        if any(
            peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name") == namespace
            for peer in rule.get("from", [])
        )
        for port in target.ports
        if _covers(rule, target, port)
    }


def internet(manifests: Manifests) -> dict[str, set[int]]:
    """By pod: the ports on which it reaches addresses that are not private."""
    found: dict[str, set[int]] = {}
    for pod in pods(manifests):
        for rule in _rules(manifests.kind("NetworkPolicy"), "Egress", pod):
            blocks = [peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer]
            for block in blocks:
                wanted = PRIVATE if block["cidr"] == "0.0.0.0/0" else PRIVATE_V6
                assert set(block["except"]) >= wanted, (pod.name, block)
            if blocks:
                found.setdefault(pod.name, set()).update(port["port"] for port in rule["ports"])
    return found


def is_confined(manifests: Manifests, pod: Pod) -> bool:
    """Whether some policy holds for it in both directions; without one, everything is allowed."""
    return all(
        any(direction in policy["spec"]["policyTypes"] and matches(policy["spec"]["podSelector"], pod.labels)
            for policy in manifests.kind("NetworkPolicy"))
        for direction in ("Ingress", "Egress")
    )  # fmt: skip


def _rules(policies: list[Manifest], direction: str, pod: Pod) -> Iterator[Manifest]:
    for policy in policies:
        spec = policy["spec"]
        if direction in spec["policyTypes"] and matches(spec["podSelector"], pod.labels):
            yield from spec.get(direction.lower(), [])


def _allowed(policies: list[Manifest], direction: str, pod: Pod, other: Pod, target: Pod, port: int) -> bool:
    """Whether a rule for `pod` names `other` and the target's port. All pods here are of one namespace."""
    return any(
        _covers(rule, target, port) and _names(rule, "to" if direction == "Egress" else "from", other)
        for rule in _rules(policies, direction, pod)
    )


def _names(rule: Manifest, side: str, other: Pod) -> bool:
    if side not in rule:
        return True
    return any(
        "podSelector" in peer and "namespaceSelector" not in peer and matches(peer["podSelector"], other.labels)
        for peer in rule[side]
    )


def _covers(rule: Manifest, target: Pod, port: int) -> bool:
    if "ports" not in rule:
        return True
    for entry in rule["ports"]:
        if entry.get("protocol", "TCP") != "TCP":
            continue
        first = target.names.get(entry["port"], -1) if isinstance(entry["port"], str) else entry["port"]
        if first <= port <= entry.get("endPort", first):
            return True
    return False
