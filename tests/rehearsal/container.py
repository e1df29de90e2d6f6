"""The one container of a rendered Deployment, as far as it can be had without one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from harness.fleet import Fleet

# Where things are and who one is differs between a pod and a process of this machine; the fleet says it.
_PLACES = re.compile(r"_(URL|FILE|FILES|DIR|HOST|PORT|ENDPOINT|KEY|KEYS)$|^FANFARE_WORKER_NAME$")
# An image's ENTRYPOINT: a manifest that says otherwise is not what is started here.
_PROGRAM = "fanfare-push-worker"


@dataclass(frozen=True)
class Container:
    """`settings` are the manifest's `FANFARE_*` variables but for those that name places."""

    deployment: str
    settings: Mapping[str, str]
    grace_seconds: float

    @classmethod
    def of(cls, deployment: Mapping[str, Any], manifests: Sequence[Mapping[str, Any]]) -> Self:
        """`manifests` are all that were rendered with it. Raises ValueError for a pod that cannot be started so."""
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        if container.get("command", [_PROGRAM]) != [_PROGRAM] or container.get("args"):
            raise ValueError(f"not the image's own command: {container.get('command')} {container.get('args')}")
        if "lifecycle" in container:
            raise ValueError("a pod's lifecycle hooks are not rehearsed")
        variables: dict[str, str] = {}
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                variables |= _config_map(source["configMapRef"]["name"], manifests)
        variables |= {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}
        settings = {
            name: value for name, value in variables.items() if name.startswith("FANFARE_") and not _PLACES.search(name)
        }
        return cls(deployment["metadata"]["name"], settings, float(pod["terminationGracePeriodSeconds"]))

    def start(self, fleet: Fleet, name: str) -> None:
        """Returns once it takes messages."""
        fleet.start_push_worker(name=name, **self.settings)  # type: ignore[arg-type] # no setting is called `concurrency`


def _config_map(name: str, manifests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"] == name:
            return dict(manifest["data"])
    return {}
