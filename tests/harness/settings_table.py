"""README's table of settings, from the classes that read them: `PYTHONPATH=tests python -m harness.settings_table`."""

from datetime import time

from pydantic.fields import FieldInfo

from fanfare_api.settings import ApiSettings
from fanfare_image_worker.settings import ImageWorkerSettings
from fanfare_orchestrator.settings import OrchestratorSettings
from fanfare_push_worker.settings import PushWorkerSettings
from fanfare_shared.settings import Settings

SERVICES: dict[str, type[Settings]] = {
    "api": ApiSettings,
    "orchestrator": OrchestratorSettings,
    "push-worker": PushWorkerSettings,
    "image-worker": ImageWorkerSettings,
}


def table() -> str:
    """A row a setting: its name, which services read it, its default, what it is."""
    fields: dict[str, FieldInfo] = {}
    readers: dict[str, list[str]] = {}
    for service, settings in SERVICES.items():
        for name, field in settings.model_fields.items():
            fields.setdefault(name, field)
            readers.setdefault(name, []).append(service)
    lines = ["| setting | read by | default | what it is |", "|---|---|---|---|"]
    for name in sorted(fields, key=lambda name: (-len(readers[name]), name)):
        by = "all" if len(readers[name]) == len(SERVICES) else ", ".join(readers[name])
        lines.append(f"| `FANFARE_{name.upper()}` | {by} | {_default(fields[name])} | {fields[name].description} |")
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, time):
        return f"`{field.default:%H:%M}`"
    return "" if field.default in {None, ""} else f"`{field.default}`"


if __name__ == "__main__":
    print(table())  # noqa: T201 - this command's output
