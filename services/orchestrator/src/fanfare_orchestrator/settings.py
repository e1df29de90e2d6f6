"""The orchestrator's settings, composed of the shared groups and its own parts'."""

from fanfare_orchestrator.schedule.settings import MaintenanceSettings
from fanfare_shared.settings import BrokerSettings, EncryptionSettings, PushPlanSettings, WorkerSettings


class OrchestratorSettings(MaintenanceSettings, BrokerSettings, PushPlanSettings, WorkerSettings, EncryptionSettings):
    """All read from `FANFARE_*`."""
