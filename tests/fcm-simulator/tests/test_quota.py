"""The project's quota over sliding windows of 60 s, and the timeline that proves it."""

from collections.abc import Callable

import httpx

from fcm_simulator.client import SimulatorClient
from fcm_simulator.traffic import ProjectTraffic

Send = Callable[..., httpx.Response]
START = 1_800_000_000.0


def test_requests_above_the_quota_get_429_with_retry_after(control: SimulatorClient, send: Send) -> None:
    control.script(quota={"per_minute": 3})

    answers = [send(f"device-{number}") for number in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["error"]["details"][0]["errorCode"] == "QUOTA_EXCEEDED"
    counts = control.counts()
    assert counts.first_received_at is not None
    assert counts.last_received_at is not None
    left = 60 - (counts.last_received_at - counts.first_received_at)
    assert left - 0.01 <= int(answers[-1].headers["retry-after"]) <= left + 1
    assert counts.projects["demo"].model_dump() == {"admitted": 3, "refused": 2, "peak_window": 3}


def test_error_answers_other_than_429_count_against_the_quota(control: SimulatorClient, send: Send) -> None:
    control.script(quota={"per_minute": 2, "retry_after": 9}, mix={"unregistered": 1})

    assert send("device-1").status_code == 404
    assert send("device-2", data={"a": 1}).status_code == 400
    refused = send("device-3")

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "9")


def test_each_project_has_its_own_quota(control: SimulatorClient, http: httpx.Client) -> None:
    control.script(quota={"per_minute": 0, "projects": {"large": 1}}, oauth={"required": False})

    def status(project: str) -> int:
        return http.post(f"/v1/projects/{project}/messages:send", json={"message": {"token": "a"}}).status_code

    assert [status("small"), status("large"), status("large")] == [429, 200, 429]


def test_a_window_slides_and_never_holds_more_than_the_quota() -> None:
    traffic = ProjectTraffic()

    admitted = [second / 10 for second in range(1800) if traffic.admit(START + second / 10, 100)]

    assert traffic.peak_window == 100
    for start in admitted:
        assert sum(start <= moment < start + 60 for moment in admitted) <= 100
    assert len(admitted) == 300
    assert traffic.refused == 1500


def test_room_comes_back_when_the_oldest_request_leaves_the_window() -> None:
    traffic = ProjectTraffic()
    traffic.admit(START, 1)

    assert not traffic.admit(START + 59.9, 1)
    assert traffic.seconds_until_room(START + 57.5) == 3
    assert traffic.admit(START + 60.01, 1)


def test_the_timeline_has_every_request_in_its_tenth_of_a_second(control: SimulatorClient, send: Send) -> None:
    control.script(quota={"per_minute": 4})
    for number in range(6):
        send(f"device-{number}")

    timeline = control.timeline("demo")

    assert (timeline.admitted, timeline.refused, timeline.peak_window) == (4, 2, 4)
    assert timeline.refused_share == 2 / 6
    assert sum(bucket[1] for bucket in timeline.buckets) == 4
    assert sum(bucket[2] for bucket in timeline.buckets) == 2
    last = control.counts().last_received_at
    assert last is not None
    assert -1 < last * 1000 - timeline.buckets[-1][0] < timeline.bucket_ms + 1
