"""Objects that no row names: noted, spared by whoever needs them again, removed otherwise."""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

import pytest

from fanfare_shared.db.connection import Ledger
from fanfare_shared.images.batches import take_over_variants
from fanfare_shared.images.doomed import doom, remove_doomed
from fanfare_shared.settings import DatabaseSettings, StorageSettings
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.storage.port import Storage
from fanfare_shared.testing.image_world import make_image, make_original
from fanfare_shared.testing.polling import wait_until

pytestmark = pytest.mark.usefixtures("clean_ledger")


@pytest.fixture
def storage(storage_settings: StorageSettings) -> Storage:
    return open_storage(storage_settings)


def note(ledger: Ledger, *keys: str, after_seconds: float = 0) -> None:
    with ledger.transaction() as connection:
        doom(connection, keys, after_seconds)


def noted(ledger: Ledger) -> set[str]:
    with ledger.statement() as connection:
        return {row[0] for row in connection.execute("SELECT key FROM doomed_objects")}


def put(storage: Storage, *keys: str) -> None:
    for key in keys:
        storage.put(key, b"x", "image/jpeg")


def stored(storage: Storage) -> set[str]:
    return {found.key for found in storage.list()}


def test_what_is_due_is_removed_and_what_is_not_waits(ledger: Ledger, storage: Storage) -> None:
    put(storage, "variants/a", "variants/b")
    note(ledger, "variants/a", "variants/gone")
    note(ledger, "variants/b", after_seconds=3600)
    assert remove_doomed(ledger, storage) == 2
    assert stored(storage) == noted(ledger) == {"variants/b"}


def test_only_the_keys_that_are_asked_for_are_removed(ledger: Ledger, storage: Storage) -> None:
    put(storage, "variants/a", "variants/b")
    note(ledger, "variants/a", "variants/b")
    assert remove_doomed(ledger, storage, ["variants/b"]) == 1
    assert stored(storage) == noted(ledger) == {"variants/a"}


def test_what_a_row_names_again_stays(ledger: Ledger, storage: Storage) -> None:
    with ledger.transaction() as connection:
        original_id = make_original(connection, b"1")
        image_id = make_image(connection, original_id)
        connection.execute("UPDATE originals SET key = 'originals/a'")
        connection.execute(
            "INSERT INTO variants (image_id, name, key, format, media_type, width, height, size) "
            "VALUES (%s, 'v', 'variants/a', 'jpeg', 'image/jpeg', 1, 1, 1)",
            (image_id,),
        )
    put(storage, "originals/a", "variants/a")
    note(ledger, "originals/a", "variants/a")
    assert remove_doomed(ledger, storage) == 0
    assert stored(storage) == {"originals/a", "variants/a"}
    assert noted(ledger) == set()


def waits(ledger: Ledger) -> bool:
    """Whether the second ledger's connection stands before a lock."""
    with ledger.statement() as connection:
        query = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'tests-two' AND wait_event_type = 'Lock'"
        )
        return connection.execute(query).fetchone() == (1,)


def act_during_a_removal(ledger: Ledger, database_settings: DatabaseSettings, act: Callable[[], object]) -> None:
    """`act` begins while "variants/a" is being removed, and waits for that."""
    removing, may_end = threading.Event(), threading.Event()

    class Slow:
        def delete(self, keys: Collection[str], /) -> None:
            assert list(keys) == ["variants/a"]
            removing.set()
            assert may_end.wait(60)

    note(ledger, "variants/a")
    with ThreadPoolExecutor(2) as threads:
        remover = Ledger(database_settings, "remover")
        removal = threads.submit(remove_doomed, remover, Slow())
        assert removing.wait(60)
        acting = threads.submit(act)
        wait_until(lambda: waits(ledger), "the other waits for the remover")
        assert not acting.done()
        may_end.set()
        assert removal.result(60) == 1
        acting.result(60)
        remover.close()


def test_who_makes_a_variant_waits_for_its_removal(
    ledger: Ledger, ledger_two: Ledger, database_settings: DatabaseSettings
) -> None:
    def take_over() -> None:
        with ledger_two.statement() as connection:
            take_over_variants(connection, ["variants/a"])

    act_during_a_removal(ledger, database_settings, take_over)
    assert noted(ledger) == set()


def test_what_is_doomed_while_it_is_being_removed_is_noted_anew(
    ledger: Ledger, ledger_two: Ledger, database_settings: DatabaseSettings
) -> None:
    act_during_a_removal(ledger, database_settings, lambda: note(ledger_two, "variants/a", after_seconds=3600))
    assert noted(ledger) == {"variants/a"}


def test_of_two_times_the_later_one_holds(ledger: Ledger, storage: Storage) -> None:
    put(storage, "variants/a", "variants/b")
    note(ledger, "variants/a", after_seconds=3600)
    note(ledger, "variants/a", "variants/b")
    note(ledger, "variants/b", after_seconds=3600)
    assert remove_doomed(ledger, storage) == 0
    assert stored(storage) == noted(ledger) == {"variants/a", "variants/b"}


def test_who_makes_a_variant_first_keeps_it(ledger: Ledger, storage: Storage) -> None:
    put(storage, "variants/a")
    note(ledger, "variants/a")
    with ledger.statement() as connection:
        assert take_over_variants(connection, ["variants/a"]) == {}
    assert remove_doomed(ledger, storage) == 0
    assert stored(storage) == {"variants/a"}
