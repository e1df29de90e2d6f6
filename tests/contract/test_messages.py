"""The messages are a contract between services that are upgraded one after the other."""

import copy
import json
from typing import Any

import pytest
from pydantic import ValidationError

from fanfare_shared.contracts.compatibility import breaking_changes
from fanfare_shared.contracts.messages import MESSAGES, Message, SendBatch
from fanfare_shared.contracts.schemas import FOLDER, example_file, schema_file, schema_of

each_message = pytest.mark.parametrize("message_class", MESSAGES, ids=lambda message_class: message_class.task)


@each_message
def test_a_message_still_fits_its_committed_schema(message_class: type[Message]) -> None:
    committed = json.loads(schema_file(message_class).read_text())
    assert breaking_changes(committed, schema_of(message_class)) == [], "give the message a new version instead"


@each_message
def test_the_committed_schema_is_the_present_one(message_class: type[Message]) -> None:
    committed = json.loads(schema_file(message_class).read_text())
    assert committed == schema_of(message_class), "run `python -m fanfare_shared.contracts.schemas` and commit"


@each_message
def test_the_golden_example_is_read_and_written_back_the_same(message_class: type[Message]) -> None:
    example = json.loads(example_file(message_class).read_text())
    assert message_class.model_validate(example).model_dump(mode="json") == example


@each_message
def test_a_field_from_a_newer_sender_is_ignored_and_an_unknown_version_refused(message_class: type[Message]) -> None:
    example = json.loads(example_file(message_class).read_text())
    assert message_class.model_validate(example | {"added_later": 1}) == message_class.model_validate(example)
    with pytest.raises(ValidationError, match="version"):
        message_class.model_validate(example | {"version": 2})


@each_message
def test_a_message_names_its_queue(message_class: type[Message]) -> None:
    message = message_class.model_validate_json(example_file(message_class).read_text())
    assert message.queue.value


def test_every_schema_file_belongs_to_a_message_and_no_task_has_two() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == {schema_file(message).name for message in MESSAGES}
    assert len({message.task for message in MESSAGES}) == len(MESSAGES)


def changed(schema: dict[str, Any], **fields: Any) -> dict[str, Any]:
    new = copy.deepcopy(schema)
    new["properties"] |= fields
    return new


def test_what_breaks_a_peer_is_told() -> None:
    schema = schema_of(SendBatch)
    without = copy.deepcopy(schema)
    del without["properties"]["priority"]
    assert breaking_changes(schema, without) == ["field removed: priority"]
    assert len(breaking_changes(schema, changed(schema, batch_id={"type": "string"}))) == 1
    required = changed(schema, shard={"type": "integer"}) | {"required": [*schema["required"], "shard"]}
    assert breaking_changes(schema, required) == ["new required field: shard"]
    fewer_priorities = copy.deepcopy(schema)
    fewer_priorities["$defs"]["Priority"]["enum"].remove("low")
    assert len(breaking_changes(schema, fewer_priorities)) == 1


def test_a_new_optional_field_and_new_words_break_nobody() -> None:
    schema = schema_of(SendBatch)
    new = changed(schema, shard={"type": "integer", "default": 0})
    new["properties"]["batch_id"]["description"] = "The batch"
    assert breaking_changes(schema, new) == []
