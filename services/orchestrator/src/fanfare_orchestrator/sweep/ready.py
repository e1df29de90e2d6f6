"""Ready batches that are due: follow-ups whose backoff is over, batches given back, and any that a hint was lost of."""

from fanfare_orchestrator.bulk.steps import Steps
from fanfare_orchestrator.context import Context


def sweep_ready_batches(context: Context, steps: Steps) -> bool:
    steps.dispatch_ready(context)
    return False
