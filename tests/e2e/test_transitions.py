"""Actions in any order, against the running fleet: legal ones are taken, others refused, and the account always holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fanfare_shared.bulk.transitions import Action, allowed_from, next_status
from fanfare_shared.contracts.words import JobStatus
from harness.client import adds_up
from harness.company import Company

DEVICES = 60
_OUTCOMES = ("success", "invalid_token", "failed", "expired", "cancelled", "unknown")
# What the fleet does by itself between a look and an action.
_BY_ITSELF = {
    JobStatus.SCHEDULED: {JobStatus.PROCESSING, JobStatus.COMPLETED},
    JobStatus.PROCESSING: {JobStatus.COMPLETED},
    JobStatus.CANCELLING: {JobStatus.CANCELLED},
}
_ACTIONS: dict[Action, list[dict[str, Any]]] = {
    Action.SEND: [{}, {"delay_seconds": 1}],
    Action.SCHEDULE: [{"scheduled_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}],
    Action.PAUSE: [{}],
    Action.RESUME: [{}],
    Action.CANCEL: [{}],
}


class Campaigns(RuleBasedStateMachine):
    """One campaign at a time, slow enough to be met in every status."""

    company: Company

    def __init__(self) -> None:
        super().__init__()
        self.campaign = self.company.client.create_campaign(self.company.app_id, rate_per_second=30)

    @property
    def status(self) -> JobStatus:
        return JobStatus(self.company.client.stats(self.campaign)["status"])

    @rule(data=st.data(), action=st.sampled_from(sorted(_ACTIONS)))
    def act(self, data: st.DataObject, action: Action) -> None:
        before = self.status
        body = data.draw(st.sampled_from(_ACTIONS[action]))
        possible = {before} | _BY_ITSELF.get(before, set())
        refusal, answer = None, {}
        try:
            answer = self.company.client.act(self.campaign, action.value, **body)
        except httpx.HTTPStatusError as error:
            refusal = error.response
        asked = Action.SCHEDULE if body.get("delay_seconds") else action
        legal_from = possible & set(allowed_from(asked))
        if refusal is not None:
            assert refusal.status_code == httpx.codes.CONFLICT, refusal.text
            assert legal_from != possible, f"{asked} was refused, though legal from {before}"
            assert refusal.json()["status_now"] in possible
        else:
            assert answer["status"] in {next_status(asked, status) for status in legal_from}, (asked, before, answer)

    @precondition(lambda self: self.status is JobStatus.PROCESSING)
    @rule()
    def let_some_be_sent(self) -> None:
        sent = self.company.client.stats(self.campaign)["sent"]
        self.company.client.wait_for_sent(self.campaign, min(sent + 5, DEVICES))

    @invariant()
    def the_account_holds(self) -> None:
        stats = self.company.client.stats(self.campaign)
        assert stats["total_recipients"] == stats["pending"] + sum(stats[name] for name in _OUTCOMES), stats
        assert stats["sent"] == stats["success"] + stats["failure"]

    def teardown(self) -> None:
        """Whatever happened, it can be brought to an end, and then everyone is accounted for once."""
        status = self.status
        if status is JobStatus.PAUSED:
            self.company.client.act(self.campaign, "resume")
        elif status in {JobStatus.DRAFT, JobStatus.SCHEDULED}:
            answer = self.company.client.http.post(f"/v1/campaigns/{self.campaign}/cancel", json={})
            # One that was scheduled may have run to its end meanwhile.
            assert answer.is_success or answer.json()["status_now"] == JobStatus.COMPLETED, answer.text
        stats = self.company.client.wait_for_status(self.campaign)
        assert adds_up(stats), stats
        assert stats["total_recipients"] in {0, DEVICES}
        assert len(self.company.deliveries(self.campaign)) == stats["total_recipients"]


@pytest.mark.timeout(900)
def test_actions_in_any_order_leave_a_campaign_that_adds_up(company: Company) -> None:
    company.add_devices(DEVICES)
    machine = type("OfThisCompany", (Campaigns,), {"company": company})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
    assert company.simulator.duplicates().most <= 12
