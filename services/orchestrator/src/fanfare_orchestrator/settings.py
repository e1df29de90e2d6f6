"""The orchestrator's settings, composed of the shared groups and its own parts'."""

from fanfare_orchestrator.images.settings import ImagePlanSettings
from fanfare_orchestrator.schedule.settings import MaintenanceSettings
from fanfare_shared.settings import BrokerSettings, EncryptionSettings, PushPlanSettings, WorkerSettings


class PlanSettings(PushPlanSettings, ImagePlanSettings):
    """What planning and dispatching either kind of bulk job go by."""


class OrchestratorSettings(MaintenanceSettings, BrokerSettings, PlanSettings, WorkerSettings, EncryptionSettings):
    """All read from `FANFARE_*`."""
