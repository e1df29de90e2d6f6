"""Sending an e-mail: the job's account as readable plain text, by SMTP."""

import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate

from fanfare_orchestrator.notifications.account_text import account_text, subject
from fanfare_orchestrator.notifications.claims import ClaimedNotification
from fanfare_orchestrator.notifications.errors import DeliveryFailedError, UndeliverableError
from fanfare_orchestrator.notifications.settings import NotificationSettings
from fanfare_orchestrator.notifications.smtp_url import SmtpSecurity, SmtpServer

# For each step of the conversation; the task's soft time limit bounds the whole.
_TIMEOUT_SECONDS = 10


class MailSender:
    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings

    def send(self, notification: ClaimedNotification) -> None:
        """Raises DeliveryFailedError and UndeliverableError."""
        recipient = address_of(notification.target)
        try:
            message = compose(notification, self._settings.smtp_from, recipient)
        except ValueError as error:
            raise UndeliverableError(f"It cannot be put into an e-mail: {error}") from error
        try:
            with connect(self._settings) as connection:
                connection.send_message(message, to_addrs=[recipient.addr_spec])
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailedError(f"SMTP: {type(error).__name__}: {error}") from error


def connect(settings: NotificationSettings) -> smtplib.SMTP:
    """A connection to FANFARE_SMTP_URL, greeted and logged in. Raises SMTPException, OSError and DeliveryFailedError."""
    if settings.smtp_url is None:
        raise DeliveryFailedError("FANFARE_SMTP_URL is not set, so no e-mail can be sent")
    server = SmtpServer.parse(settings.smtp_url.get_secret_value())
    tls = ssl.create_default_context(cafile=settings.smtp_ca_file)
    if server.security is SmtpSecurity.TLS:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_SECONDS, context=tls)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)
    try:
        if server.security is SmtpSecurity.STARTTLS:
            connection.starttls(context=tls)
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def compose(notification: ClaimedNotification, sender: str, recipient: Address) -> EmailMessage:
    """The message. Its id is the notification's, so that a mail sent twice is shown once."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject(notification.payload)
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{notification.id}@fanfare>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(account_text(notification.payload))
    return message


def address_of(target: str) -> Address:
    """One recipient and no more: `Address` takes neither a list nor a line break."""
    try:
        return Address(addr_spec=target)
    except (ValueError, IndexError, MessageError) as error:
        raise UndeliverableError(f"This is not an e-mail address: {error}") from error


def _refused(error: smtplib.SMTPRecipientsRefused) -> DeliveryFailedError | UndeliverableError:
    """5yz is final (RFC 5321 §4.2.1): there is no such mailbox. 4yz asks to be tried again."""
    code, words = next(iter(error.recipients.values()))
    text = f"SMTP {code} {words.decode(errors='replace')}"
    return UndeliverableError(text) if code >= 500 else DeliveryFailedError(text)
