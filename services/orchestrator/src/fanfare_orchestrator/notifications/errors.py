"""Why a notification did not arrive. `retryable` says whether trying again within the day can help."""

from fanfare_shared.errors import FanfareError


class DeliveryFailedError(FanfareError):
    """The attempt failed; a later one may not. `detail` is what the notification's `last_error` says."""

    code, title, retryable = "DELIVERY_FAILED", "The notification could not be delivered", True


class AddressRefusedError(DeliveryFailedError):
    """The webhook's host has no address that may be called. Names change their addresses, so it is tried again."""

    code, title = "ADDRESS_REFUSED", "The webhook's address may not be called"


class UndeliverableError(FanfareError):
    """No later attempt can succeed: the notification is given up at once."""

    code, title = "UNDELIVERABLE", "The notification can never be delivered"
