"""The orchestrator's Celery app: which message is handled by what."""

from celery import Celery

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.campaigns.steps import CAMPAIGN_STEPS
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_orchestrator.notifications import handler as notification_handler
from fanfare_orchestrator.schedule import beat
from fanfare_orchestrator.schedule import handler as schedule_handler
from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.settings import OrchestratorSettings
from fanfare_shared.contracts.messages import PlanCampaign, PlanImageJob, SettleCampaign, SettleImageJob
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.children import per_child
from fanfare_shared.worker.publisher import Publisher
from fanfare_shared.worker.task import handles

NAME = "orchestrator"
QUEUES = (Queue.CAMPAIGNS, Queue.PUSH_RESULTS, Queue.IMAGE_JOBS, Queue.IMAGES_RESULTS)
"""The two kinds of bulk job share the children: a window of either is planned in a fraction of a second, and a queue that
is full does not stand before another, for each has a message prefetched of its own.
"""
SLOW_QUEUES = (Queue.NOTIFICATIONS, Queue.MAINTENANCE)
"""A worker of their own: a webhook that does not answer must not stand before a bulk job."""


def make_orchestrator(settings: OrchestratorSettings) -> Celery:
    app = make_app(NAME, settings)
    ledger = per_child(lambda: Ledger(settings, NAME))
    context = per_child(lambda: Context(ledger(), Publisher(app), settings))

    @handles(app, PlanCampaign)
    def plan_campaign(message: PlanCampaign) -> None:
        plan_turn(context(), CAMPAIGN_STEPS, message.campaign_id)

    @handles(app, SettleCampaign)
    def settle_campaign(message: SettleCampaign) -> None:
        settle(context(), CAMPAIGN_STEPS, message.campaign_id)

    @handles(app, PlanImageJob)
    def plan_image_job(message: PlanImageJob) -> None:
        plan_turn(context(), IMAGE_JOB_STEPS, message.job_id)

    @handles(app, SettleImageJob)
    def settle_image_job(message: SettleImageJob) -> None:
        settle(context(), IMAGE_JOB_STEPS, message.job_id)

    notification_handler.register(app, ledger, settings, settings)
    storage = per_child(lambda: open_storage(settings, may_begin=False))
    schedule_handler.register(app, per_child(lambda: RunContext(ledger(), settings, storage)))
    beat.install(app, settings)
    return app
