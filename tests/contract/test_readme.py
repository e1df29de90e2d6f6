"""README says what is true: its table of settings is the settings classes', its make targets are the Makefile's."""

import re

import pytest

from harness.settings_table import table


@pytest.fixture
def readme(pytestconfig: pytest.Config) -> str:
    return (pytestconfig.rootpath / "README.md").read_text()


def test_the_table_of_settings_is_that_of_the_classes(readme: str) -> None:
    assert table() in readme, (
        "README's settings are not those of the code: PYTHONPATH=tests python -m harness.settings_table"
    )


def test_every_make_target_it_names_exists(readme: str, pytestconfig: pytest.Config) -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", readme))
    targets = set(re.findall(r"^([a-z-]+):", (pytestconfig.rootpath / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets
    assert {"demo", "up", "down", "test", "bench", "chaos", "lint", "images", "help"} <= named


def test_every_file_it_links_to_exists(readme: str, pytestconfig: pytest.Config) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", readme):
        assert (pytestconfig.rootpath / target).exists(), target
