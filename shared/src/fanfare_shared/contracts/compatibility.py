"""What may change in a message without a new version: a receiver of today's schema must take tomorrow's messages.

A field that was there stays, with its type; a new field has a default, because messages from older senders lack it.
"""

from typing import Any

Schema = dict[str, Any]


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What in `new` breaks a peer that knows `old`; empty when nothing does."""
    before, after = _fields(old), _fields(new)
    removed = [f"field removed: {name}" for name in before.keys() - after.keys()]
    changed = [
        f"type changed: {name}: {before[name]} to {after[name]}"
        for name in before.keys() & after.keys()
        if before[name] != after[name]
    ]
    required = [f"new required field: {name}" for name in set(new.get("required", [])) - set(old.get("required", []))]
    optional = [f"no longer required: {name}" for name in set(old.get("required", [])) - set(new.get("required", []))]
    return sorted(removed + changed + required + optional)


def _fields(schema: Schema) -> dict[str, Schema]:
    """Each field's type, with references resolved and without what is only said to humans."""
    return {name: _plain(field, schema) for name, field in schema.get("properties", {}).items()}


def _plain(value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _plain(schema["$defs"][value["$ref"].removeprefix("#/$defs/")], schema)
        return {
            key: _plain(part, schema) for key, part in value.items() if key not in {"title", "description", "default"}
        }
    if isinstance(value, list):
        return [_plain(part, schema) for part in value]
    return value
