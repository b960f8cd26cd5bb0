"""The settings of a plugin: a JSON object that only the plugin understands, and the JSON Schema of them."""

import json
from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from .errors import LoadError, SettingsError, SettingsFault
from .limits import MAX_SETTINGS_BYTES

#: Maximum number of faults that an error lists.
_MAX_FAULTS = 20


class SettingsSchema:
    """The JSON Schema of a plugin's settings. It can't refer to other documents."""

    def __init__(self, text: str) -> None:
        try:
            schema = _object(text)
            Draft202012Validator.check_schema(schema)
        except (SettingsError, SchemaError) as error:
            raise LoadError(f"the schema of the plugin's settings: {error}") from error
        # An empty registry retrieves nothing.
        self._validator = Draft202012Validator(schema, registry=Registry())

    def check(self, settings: str) -> None:
        """Checks that settings are a JSON object of at most 64 KiB that fits the schema."""
        value = _object(settings)
        try:
            faults = [
                SettingsFault("".join(f"/{it}" for it in error.absolute_path), error.message)
                for error, _ in zip(self._validator.iter_errors(value), range(_MAX_FAULTS))
            ]
        except Unresolvable as error:
            raise SettingsError(f"the schema refers to another document: {error}") from error
        if faults:
            raise SettingsError("the settings don't fit the plugin's schema", faults)


def _object(text: str) -> dict[str, Any]:
    size = len(text.encode())
    if size > MAX_SETTINGS_BYTES:
        raise SettingsError(f"the settings have {size} bytes, and may have {MAX_SETTINGS_BYTES}")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"the settings are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SettingsError("the settings are not a JSON object, such as {}")
    return value
