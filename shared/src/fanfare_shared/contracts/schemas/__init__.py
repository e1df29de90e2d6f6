"""The messages' JSON Schemas, one committed file a task and version: `<task>.v<version>.json`.

`python -m fanfare_shared.contracts.schemas` writes them anew. A golden example of each stands in `examples/`, written
by hand and never changed: it is a message that an older sender may still send.
"""

import json
from pathlib import Path
from typing import Any

from fanfare_shared.contracts.messages import MESSAGES, Message

FOLDER = Path(__file__).parent


def schema_file(message_class: type[Message]) -> Path:
    return FOLDER / _file_name(message_class)


def example_file(message_class: type[Message]) -> Path:
    return FOLDER / "examples" / _file_name(message_class)


def schema_of(message_class: type[Message]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | message_class.model_json_schema()


def write_schemas() -> None:
    for message_class in MESSAGES:
        text = json.dumps(schema_of(message_class), indent=2, sort_keys=True)
        schema_file(message_class).write_text(text + "\n")


def _file_name(message_class: type[Message]) -> str:
    return f"{message_class.task}.v{message_class.model_fields['version'].default}.json"
