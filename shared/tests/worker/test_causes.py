"""What a message takes along of the work at hand, and what it does not."""

from uuid import UUID, uuid4

import structlog

from fanfare_shared.contracts.messages import PlanCampaign, ProcessBatch, RunProbe, SettleCampaign
from fanfare_shared.contracts.words import Lane
from fanfare_shared.worker.causes import ids_of, is_caused_by_present_work, trace_of, with_request_id

CAMPAIGN, OTHER = uuid4(), uuid4()


def test_a_message_takes_the_bound_request_id_unless_it_has_its_own() -> None:
    with structlog.contextvars.bound_contextvars(request_id="bound"):
        assert with_request_id(PlanCampaign(campaign_id=CAMPAIGN)).request_id == "bound"
        assert with_request_id(PlanCampaign(campaign_id=CAMPAIGN, request_id="own")).request_id == "own"
    assert with_request_id(PlanCampaign(campaign_id=CAMPAIGN)).request_id is None


def test_work_on_one_job_is_not_the_cause_of_another_jobs_message() -> None:
    with structlog.contextvars.bound_contextvars(campaign_id=str(CAMPAIGN)):
        assert is_caused_by_present_work(SettleCampaign(campaign_id=CAMPAIGN))
        assert is_caused_by_present_work(RunProbe(probe_id=OTHER))
        assert not is_caused_by_present_work(SettleCampaign(campaign_id=OTHER))
        assert not is_caused_by_present_work(ProcessBatch(batch_id=1, job_id=OTHER, lane=Lane.BULK))
    assert is_caused_by_present_work(SettleCampaign(campaign_id=OTHER))


def test_the_ids_of_a_message_are_those_of_its_work() -> None:
    message = ProcessBatch(batch_id=7, job_id=CAMPAIGN, lane=Lane.BULK, request_id="request")
    assert ids_of(message) == {"batch_id": "7", "job_id": str(CAMPAIGN)}


def test_a_trace_that_a_message_carries_goes_before_its_jobs() -> None:
    parent = f"00-{UUID(int=1).hex}-{'1' * 16}-01"
    assert trace_of(parent, {"campaign_id": str(CAMPAIGN)}) == {"traceparent": parent}
    assert trace_of(None, {"campaign_id": "anything at all"}) == {}
    assert trace_of(["not", "a", "text"], {}) == {}
