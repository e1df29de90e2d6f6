"""The task of `SendNotification`: claims the row, delivers it, and records what became of it."""

from collections.abc import Callable

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

from fanfare_orchestrator.notifications.claims import ClaimedNotification, claim, record_delivered, record_failed
from fanfare_orchestrator.notifications.errors import DeliveryFailedError, UndeliverableError
from fanfare_orchestrator.notifications.mail import MailSender
from fanfare_orchestrator.notifications.settings import NotificationSettings
from fanfare_orchestrator.notifications.webhook import WebhookSender
from fanfare_shared.bulk.notifications import NotificationKind
from fanfare_shared.contracts.messages import SendNotification
from fanfare_shared.crypto import Cipher
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import CredentialsUnusableError
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import notifications as notifications_total
from fanfare_shared.settings import EncryptionSettings
from fanfare_shared.worker.children import per_child
from fanfare_shared.worker.task import handles

# A claim's lease outlasts both.
SOFT_TIME_LIMIT_SECONDS = 50
TIME_LIMIT_SECONDS = 60

log = get_logger(__name__)


class Notifier:
    """Delivers notifications, one at a time. Made in the child process."""

    def __init__(self, settings: NotificationSettings, encryption: EncryptionSettings) -> None:
        self._webhooks = WebhookSender(settings, Cipher(encryption.encryption_keys.get_secret_value()))
        self._mails = MailSender(settings)
        for kind in NotificationKind:
            for outcome in ("delivered", "failed", "given_up"):
                notifications_total.labels(kind.value, outcome)  # from 0, else the first would be no increase

    def notify(self, ledger: Ledger, message: SendNotification) -> None:
        """Does nothing where the notification is done or another worker has it."""
        with ledger.statement() as connection:
            notification = claim(connection, message.notification_id)
        if notification is None:
            return
        try:
            self._send(notification)
        except (DeliveryFailedError, UndeliverableError, CredentialsUnusableError) as error:
            _failed(ledger, notification, error.detail, retryable=not isinstance(error, UndeliverableError))
        except SoftTimeLimitExceeded:
            _failed(ledger, notification, f"It took longer than {SOFT_TIME_LIMIT_SECONDS} s", retryable=True)
        else:
            with ledger.statement() as connection:
                record_delivered(connection, notification)
            notifications_total.labels(notification.kind, "delivered").inc()
            log.info("notification delivered", kind=notification.kind, attempts=notification.attempts)

    def _send(self, notification: ClaimedNotification) -> None:
        if notification.kind == NotificationKind.WEBHOOK:
            self._webhooks.send(notification)
        else:
            self._mails.send(notification)


def _failed(ledger: Ledger, notification: ClaimedNotification, error: str, *, retryable: bool) -> None:
    with ledger.transaction() as connection:
        given_up = record_failed(connection, notification, error, retryable=retryable)
    notifications_total.labels(notification.kind, "given_up" if given_up else "failed").inc()
    log.warning("notification failed", kind=notification.kind, attempts=notification.attempts, given_up=given_up)


def register(
    app: Celery, ledger: Callable[[], Ledger], settings: NotificationSettings, encryption: EncryptionSettings
) -> None:
    """Adds the task to the app. `ledger` is the child process's own."""
    notifier = per_child(lambda: Notifier(settings, encryption))

    @handles(app, SendNotification, soft_time_limit=SOFT_TIME_LIMIT_SECONDS, time_limit=TIME_LIMIT_SECONDS)
    def send_notification(message: SendNotification) -> None:
        notifier().notify(ledger(), message)
