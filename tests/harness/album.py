"""What one end-to-end test uploads and does to its images: a folder of its own, and jobs whose accounts must add up."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fanfare_shared.testing.polling import until
from harness.client import FINAL, Client
from harness.fleet import Fleet
from harness.images.photos import distinct
from harness.images.pictures import cornered_jpeg

_PHOTO = cornered_jpeg(240, 180)
OUTCOMES = ("succeeded", "failed", "cancelled", "pending")


@dataclass
class Album:
    """`number` tells it from every other album of the fleet's."""

    fleet: Fleet
    number: int

    @property
    def folder(self) -> str:
        """Its path: everything the test uploads is below it."""
        return f"album {self.number}"

    def photo(self, number: int, picture: bytes = _PHOTO) -> bytes:
        """A JPEG that no other album has: else their variants would be there already, and their originals be one."""
        return distinct(picture, self.number * 100_000 + number)

    def photos(self, count: int) -> dict[str, bytes]:
        """`photo-000.jpg` and on."""
        return {f"photo-{number:03}.jpg": self.photo(number) for number in range(count)}

    @property
    def client(self) -> Client:
        return self.fleet.client

    @property
    def whole(self) -> dict[str, Any]:
        """A job's target: all of it that is not in the trash."""
        return {"folder": self.folder, "recursive": True}

    def upload(self, files: Mapping[str, bytes], **form: Any) -> dict[str, Any]:
        """By one request, each file with its path below the folder. `form`: fields; a pipeline as what JSON is made of."""
        fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in form.items()}
        sent = [("files", (path, data, "application/octet-stream")) for path, data in files.items()]
        answer = self.client.http.post("/v1/images", data={"folder": self.folder, **fields}, files=sent)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def add(self, files: Mapping[str, bytes], **form: Any) -> dict[str, Any]:
        """Uploads, and waits for the job; the answer."""
        taken = self.upload(files, **form)
        self.finish(taken["job_id"])
        return taken

    def start(self, target: Mapping[str, Any] | None = None, **request: Any) -> str:
        """A job's id; over the whole album unless `target` says otherwise."""
        return str(self.client.post("/v1/image-jobs", target=target or self.whole, **request)["job_id"])

    def run(self, target: Mapping[str, Any] | None = None, **request: Any) -> dict[str, Any]:
        """The job as it is shown once it has completed; its account adds up."""
        job = self.finish(self.start(target, **request))
        assert job["status"] == "completed", job
        return job

    def act(self, job_id: str, action: str) -> dict[str, Any]:
        return self.client.post(f"/v1/image-jobs/{job_id}/{action}")

    def job(self, job_id: str) -> dict[str, Any]:
        return self.client.get(f"/v1/image-jobs/{job_id}")

    def finish(self, job_id: str, seconds: float = 180) -> dict[str, Any]:
        """The job once it is final; its account must add up, and be that of its items."""
        self.wait(job_id, lambda stats: stats["status"] in FINAL, seconds)
        job = self.job(job_id)
        assert_adds_up(job)
        assert job["pending"] == 0, job
        items = self.items(job_id)
        assert [item["position"] for item in items] == list(range(job["total"])), "one item an image, and no other"
        counted = {outcome: sum(item["status"] == outcome for item in items) for outcome in OUTCOMES}
        assert counted == {outcome: job[outcome] for outcome in OUTCOMES}
        return job

    def wait(self, job_id: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 180) -> dict[str, Any]:
        """The stats once `holds(stats)`."""

        def look() -> dict[str, Any] | None:
            stats = self.client.get(f"/v1/image-jobs/{job_id}/stats")
            return stats if holds(stats) else None

        try:
            return until(f"image job {job_id} is as it should be", look, seconds, every=0.05)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {self.job(job_id)}") from None

    def events(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The stats that the job's events tell, until they end."""
        with self.client.http.stream("GET", f"/v1/image-jobs/{job_id}/events", timeout=120) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def items(self, job_id: str, **query: Any) -> list[dict[str, Any]]:
        return self.client.items(f"/v1/image-jobs/{job_id}/items", **query)

    def images(self, **query: Any) -> dict[str, dict[str, Any]]:
        """The album's images by their paths below its folder."""
        found = self.client.items("/v1/images", **self.whole, **query)
        paths = {f"{image['folder']}/{image['name']}".removeprefix(f"{self.folder}/"): image for image in found}
        assert len(paths) == len(found), "two images have one name"
        return paths

    def download(self, address: str) -> bytes:
        answer = self.client.http.get(address)
        assert answer.status_code == 200, answer.text
        return answer.content


def assert_adds_up(stats: Mapping[str, Any]) -> None:
    """At any moment."""
    assert stats["total"] == sum(stats[outcome] for outcome in OUTCOMES), stats
    assert min(stats[outcome] for outcome in OUTCOMES) >= 0, stats
