"""One trace leads from a request to the sends it caused, by the headers of every message on the way."""

from typing import Any
from uuid import UUID

from fanfare_shared.testing.collectors import Span
from harness.story import DEAD_DEVICES, DEVICES, Story

REQUEST = "POST /v1/campaigns/{campaign_id}/send"


def spans(story: Story, name: str, **attributes: Any) -> list[Span]:
    return story.collector.named(name, **{f"fanfare.{key}": value for key, value in attributes.items()})


def test_one_trace_leads_from_the_callers_request_through_the_queues_to_the_sends(story: Story) -> None:
    (request,) = spans(story, REQUEST)[:1]
    assert (request.service, request.trace_id, request.parent_id) == ("api", story.trace_id, "c" * 16)
    sent = spans(story, "send batch", campaign_id=story.campaign_id)
    assert {span.trace_id for span in sent} == {story.trace_id}
    paths = [story.collector.path_to(span) for span in sent]
    assert [
        "?",  # the caller's
        REQUEST,
        "publish campaigns.plan",
        "process campaigns.plan",
        "publish push.send_batch",
        "process push.send_batch",
        "send batch",
    ] in paths, paths
    assert {path[1] for path in paths} == {REQUEST}


def test_settling_is_in_the_trace_of_the_send(story: Story) -> None:
    settled = spans(story, "process campaigns.settle", campaign_id=story.campaign_id)
    assert {span.trace_id for span in settled} == {story.trace_id}
    assert {story.collector.path_to(span)[-3] for span in settled} == {"process push.send_batch"}


def test_a_batchs_span_has_its_ids_and_counts(story: Story) -> None:
    sent = spans(story, "send batch", campaign_id=story.campaign_id)
    assert all(span.attributes["fanfare.epoch"] >= 1 for span in sent)
    assert "closed" in {span.attributes["fanfare.ending"] for span in sent}
    assert sum(span.attributes.get("fanfare.accepted", 0) for span in sent) == DEVICES
    assert sum(span.attributes.get("fanfare.invalid_token", 0) for span in sent) == DEAD_DEVICES


def test_work_that_only_the_sweep_hinted_at_is_in_the_trace_that_the_jobs_id_names(story: Story) -> None:
    repeated = UUID(story.repeated_campaign_id)
    found = [span for span in story.collector.spans if span.trace_id == repeated.hex]
    assert {"process push.send_batch", "send batch"} <= {span.name for span in found}
    sent = spans(story, "send batch", campaign_id=story.repeated_campaign_id)
    assert {span.trace_id for span in sent} == {repeated.hex}
    assert sum(span.attributes["fanfare.accepted"] for span in sent) == DEVICES


def test_an_uploads_trace_leads_to_each_image(story: Story) -> None:
    made = [
        span
        for span in spans(story, "make image")
        if story.collector.path_to(span)[0] == "POST /v1/images" and span.attributes["fanfare.image_id"]
    ]
    of_upload = [span for span in made if span.trace_id == made[0].trace_id]
    assert sorted(span.attributes["fanfare.outcome"] for span in of_upload) == ["failed", *["succeeded"] * 3]
    assert {tuple(story.collector.path_to(span)) for span in of_upload} == {
        ("POST /v1/images", "publish images.process_batch", "process images.process_batch", "make image")
    }
    (failed,) = [span for span in of_upload if span.attributes["fanfare.outcome"] == "failed"]
    assert failed.attributes["fanfare.error"] == "IMAGE_CORRUPT"


def test_a_notification_is_a_span(story: Story) -> None:
    assert [span.attributes["fanfare.outcome"] for span in spans(story, "process notifications.send")] == ["success"]


def test_there_is_no_span_of_a_device_nor_of_a_probe(story: Story) -> None:
    kinds = {span.name.split()[0] for span in story.collector.spans}
    assert kinds <= {"GET", "POST", "PUT", "PATCH", "DELETE", "publish", "process", "send", "make"}
    assert len(spans(story, "send batch")) < DEVICES
    routes = {span.attributes.get("http.route") for span in story.collector.spans}
    assert not routes & {"/healthz", "/readyz", "/metrics"}


def test_what_an_addresss_query_says_is_not_told(story: Story) -> None:
    asked = [span for span in story.collector.spans if "url.query" in span.attributes]
    assert asked
    assert {span.attributes["url.query"] for span in asked} == {"REDACTED"}
