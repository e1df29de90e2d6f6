"""Flower, for whoever asks for it: `make flower`. Workers send events and obey it only while it is wanted."""

from fanfare_native import servers
from fanfare_native.context import Context
from fanfare_native.part import Part
from fanfare_native.ports import HOST, answers

NAME = "flower"
USER = "fanfare"


def part(context: Context) -> Part:
    port = context.ports[NAME]
    return Part(
        name=NAME,
        command=[context.layout.programs / "celery", "--config", "celeryconfig", "flower"],
        environment={
            "PYTHONPATH": str(context.layout.root / "deploy" / "flower"),
            "CELERY_BROKER_URL": servers.urls_of(context, NAME)[servers.BROKER],
            "FLOWER_ADDRESS": HOST,
            "FLOWER_PORT": str(port),
            "FLOWER_BASIC_AUTH": f"{USER}:{_password(context)}",
        },
        directory=context.layout.run,
        after=("rabbitmq",),
        ready=lambda _: answers(port),
    )


def settings_of_workers(context: Context) -> dict[str, str]:
    """What lets Flower see workers and command them; nothing where it is not wanted."""
    if not context.monitored:
        return {}
    return {"FANFARE_WORKER_EVENTS": "true", "FANFARE_WORKER_REMOTE_CONTROL": "true"}


def address(context: Context) -> str:
    """Where it is, and how to log in."""
    return f"http://{HOST}:{context.ports[NAME]} as {USER}, password {_password(context)}"


def _password(context: Context) -> str:
    return context.credentials.password(NAME)
