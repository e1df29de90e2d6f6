"""The fields of FCM's send request, and the type of each.

Source: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from enum import Enum
from typing import Any


class Kind(Enum):
    """A field's type, by the name that Google's JSON parser gives it in errors."""

    STRING = "TYPE_STRING"
    BOOL = "TYPE_BOOL"
    NUMBER = "TYPE_INT32"
    ENUM = "TYPE_ENUM"
    STRUCT = "type.googleapis.com/google.protobuf.Struct"
    STRING_MAP = "map<string, string>"
    STRING_LIST = "repeated string"

    @property
    def python_types(self) -> tuple[type, ...]:
        return _PYTHON_TYPES[self]


_PYTHON_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.BOOL: (bool,),
    Kind.NUMBER: (int, float),
    Kind.ENUM: (str, int),
    Kind.STRUCT: (dict,),
    Kind.STRING_MAP: (dict,),
    Kind.STRING_LIST: (list,),
}


def _both_spellings(fields: dict[str, Any]) -> dict[str, Any]:
    """Google's JSON parser takes a field as `snake_case` and as `lowerCamelCase`."""
    spelled = {}
    for name, kind in fields.items():
        value = _both_spellings(kind) if isinstance(kind, dict) else kind
        first, *rest = name.split("_")
        spelled[name] = spelled[first + "".join(word.capitalize() for word in rest)] = value
    return spelled


def _strings(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, Kind.STRING)


_ANDROID_NOTIFICATION: dict[str, Any] = {
    **_strings("title", "body", "icon", "color", "sound", "tag", "click_action", "body_loc_key", "title_loc_key"),
    **_strings("channel_id", "ticker", "event_time", "image"),
    "body_loc_args": Kind.STRING_LIST,
    "title_loc_args": Kind.STRING_LIST,
    "sticky": Kind.BOOL,
    "local_only": Kind.BOOL,
    "default_sound": Kind.BOOL,
    "default_vibrate_timings": Kind.BOOL,
    "default_light_settings": Kind.BOOL,
    "bypass_proxy_notification": Kind.BOOL,
    "notification_priority": Kind.ENUM,
    "visibility": Kind.ENUM,
    "proxy": Kind.ENUM,
    "vibrate_timings": Kind.STRING_LIST,
    "notification_count": Kind.NUMBER,
    "light_settings": {
        "color": dict.fromkeys(("red", "green", "blue", "alpha"), Kind.NUMBER),
        **_strings("light_on_duration", "light_off_duration"),
    },
}

_MESSAGE: dict[str, Any] = {
    **_strings("name", "token", "fid", "topic", "condition"),
    "data": Kind.STRING_MAP,
    "notification": _strings("title", "body", "image"),
    "android": {
        **_strings("collapse_key", "ttl", "restricted_package_name"),
        "priority": Kind.ENUM,
        "data": Kind.STRING_MAP,
        "notification": _ANDROID_NOTIFICATION,
        "fcm_options": _strings("analytics_label"),
        "direct_boot_ok": Kind.BOOL,
        "bandwidth_constrained_ok": Kind.BOOL,
        "restricted_satellite_ok": Kind.BOOL,
    },
    "webpush": {
        "headers": Kind.STRING_MAP,
        "data": Kind.STRING_MAP,
        "notification": Kind.STRUCT,
        "fcm_options": _strings("link", "analytics_label"),
    },
    "apns": {
        "headers": Kind.STRING_MAP,
        "payload": Kind.STRUCT,
        "fcm_options": _strings("analytics_label", "image"),
        **_strings("live_activity_token"),
    },
    "fcm_options": _strings("analytics_label"),
}

SEND_REQUEST: dict[str, Any] = _both_spellings({"validate_only": Kind.BOOL, "message": _MESSAGE})
