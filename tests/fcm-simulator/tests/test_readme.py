"""The README against the code."""

import json
import re
from pathlib import Path

import pytest

from fcm_simulator.script import OutcomeName, Script, TokenOutcomeName, WireOutcomeName

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.mark.parametrize("name", [*OutcomeName, *WireOutcomeName, *TokenOutcomeName])
def test_every_outcome_is_explained(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("field", Script.model_fields)
def test_every_field_of_the_script_is_explained(field: str) -> None:
    assert f"`{field}`" in README


def test_the_example_is_a_valid_script() -> None:
    example = re.search(r"```json\n(.*?)```", README, re.DOTALL)

    assert example is not None
    script = Script.model_validate(json.loads(example[1]))
    assert set(script.model_fields_set) == set(Script.model_fields)
