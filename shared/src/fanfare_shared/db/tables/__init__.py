"""The ledger's tables as SQLModel classes, a module per subject. The migrations make them; a test compares the two.

Moments are `timestamptz` on the database's clock. What is to happen later is a row with a `due_at`, and the
orchestrator's sweep is the only clock that reads those.
"""

from fanfare_shared.db.tables.apps import App
from fanfare_shared.db.tables.campaigns import Batch, Campaign, CampaignPlan, Delivery
from fanfare_shared.db.tables.devices import Device
from fanfare_shared.db.tables.image_jobs import ImageBatch, ImageItem, ImageJob, ImageJobPlan
from fanfare_shared.db.tables.images import DoomedObject, Folder, Image, Original, StoredVariant, Upload
from fanfare_shared.db.tables.operators import ApiKey, AuditEntry, DeadLetter, IdempotencyKey, ScheduleRun
from fanfare_shared.db.tables.tasks import Notification, Probe

__all__ = [
    "ApiKey",
    "App",
    "AuditEntry",
    "Batch",
    "Campaign",
    "CampaignPlan",
    "DeadLetter",
    "Delivery",
    "Device",
    "DoomedObject",
    "Folder",
    "IdempotencyKey",
    "Image",
    "ImageBatch",
    "ImageItem",
    "ImageJob",
    "ImageJobPlan",
    "Notification",
    "Original",
    "Probe",
    "ScheduleRun",
    "StoredVariant",
    "Upload",
]
