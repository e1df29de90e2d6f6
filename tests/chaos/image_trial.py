"""One image job over photos of its own, while something breaks; its account counted by the api, by rows and by files."""

import signal
from collections import Counter
from typing import Any

from fanfare_shared.testing.polling import until
from harness.album import Album
from harness.fleet import Fleet
from harness.images.photos import jpeg

WORKERS = ("image-worker-1", "image-worker-2")
VARIANTS = {"resized", "medium", "thumbnail"}
# Slow enough that a batch is caught in its middle, 20 images of some ten milliseconds each.
_PHOTO = jpeg(900, 675, quality=80)
# A batch that somebody works on, with images of it done and images of it to do.
_IN_THE_MIDDLE = """
SELECT b.id, b.worker FROM image_batches b
WHERE b.job_id = %s AND b.status = 'leased' AND b.succeeded > 0 AND b.size - b.succeeded - b.failed > 2
"""


class ImageTrial:
    """`upload` begins it."""

    def __init__(self, fleet: Fleet, number: int, photos: int) -> None:
        self.fleet = fleet
        self.album = Album(fleet, number)
        self.photos = photos
        self.job_id = ""
        self._ledger = fleet.ledger()

    def upload(self) -> None:
        """A bulk job of three variants a photo."""
        files = {f"{number:04}.jpg": self.album.photo(number, _PHOTO) for number in range(self.photos)}
        self.job_id = self.album.upload(files, preset="thumbnails")["job_id"]
        assert self.album.job(self.job_id)["lane"] == "images.bulk"

    def stop_working(self) -> str:
        """SIGSTOP to the process group of the first worker that is in the middle of a batch; its name."""

        def look() -> str | None:
            for _, worker in self.many(_IN_THE_MIDDLE):
                name = self._named(worker)
                if name is None:
                    continue
                self.fleet.processes[name].signal_group(signal.SIGSTOP)
                # It may have gone on since: the statement it waits for, if any, records one image.
                if worker in [other for _, other in self.many(_IN_THE_MIDDLE)]:
                    return name
                self.fleet.processes[name].signal_group(signal.SIGCONT)
            return None

        return until("a worker is in the middle of a batch", look, 120, every=0.01)

    def hurry(self) -> None:
        """What the sweep does when a hint is half a minute old or a lease has ended, it does now. No worker may live."""
        with self._ledger.statement() as connection:
            connection.execute(
                "UPDATE image_jobs SET due_at = now() WHERE id = %s AND due_at IS NOT NULL", (self.job_id,)
            )
            connection.execute(
                """
                UPDATE image_batches SET due_at = now() WHERE job_id = %s AND status IN ('published', 'leased')
                """,
                (self.job_id,),
            )

    def many(self, query: str) -> list[Any]:
        with self._ledger.statement() as connection:
            return connection.execute(query, (self.job_id,)).fetchall()

    def check_end(self) -> None:
        """Waits until the job has ended by itself. Fails where an image has no outcome, or two, or a variant is missing."""
        job = self.album.finish(self.job_id)
        assert (job["status"], job["total"], job["succeeded"]) == ("completed", self.photos, self.photos), job
        assert self.many("SELECT count(*) FROM image_batches WHERE job_id = %s AND status <> 'closed'") == [(0,)]
        sums = self.many("SELECT sum(size), sum(succeeded), sum(failed) FROM image_batches WHERE job_id = %s")
        assert sums == [(self.photos, self.photos, 0)], "the batches' counts are those of the items"
        images = self.album.images(status="ready")
        assert len(images) == self.photos
        assert all(set(image["variants"]) == VARIANTS for image in images.values())
        keys = self.many(
            """
            SELECT v.key, v.size FROM variants v JOIN image_items i ON i.image_id = v.image_id WHERE i.job_id = %s
            """
        )
        assert len(keys) == self.photos * len(VARIANTS)
        for key, size in keys:
            assert (self.fleet.storage / key).stat().st_size == size, key

    def attempts(self) -> "Counter[int]":
        """How many images took how many attempts."""
        return Counter(item["attempts"] for item in self.album.items(self.job_id))

    def _named(self, worker: str) -> str | None:
        """Which of the fleet's processes a ledger's worker is; None for one that was killed, and its batch not claimed since."""
        pid = int(worker.split(":")[1])
        return next((name for name in WORKERS if pid in self.fleet.processes[name].pids), None)
