"""The one container of a rendered Deployment, as far as it can be had without one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from harness.fleet import Fleet
from k8s.manifests import Manifest, Manifests, container, name_of, pod_spec

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
    def of(cls, deployment: Manifest, manifests: Manifests) -> Self:
        """`manifests` are all that were rendered with it. Raises ValueError for a pod that cannot be started so."""
        only = container(deployment)
        if only.get("command", [_PROGRAM]) != [_PROGRAM] or only.get("args"):
            raise ValueError(f"not the image's own command: {only.get('command')} {only.get('args')}")
        if "lifecycle" in only:
            raise ValueError("a pod's lifecycle hooks are not rehearsed")
        settings = {
            name: value
            for name, value in manifests.environment(deployment).items()
            if name.startswith("FANFARE_") and not _PLACES.search(name)
        }
        return cls(name_of(deployment), settings, float(pod_spec(deployment)["terminationGracePeriodSeconds"]))

    def start(self, fleet: Fleet, name: str) -> None:
        """Returns once it takes messages."""
        fleet.start_push_worker(name=name, **self.settings)  # type: ignore[arg-type] # no setting is called `concurrency`
