"""
Between the JSON form of the contract and the values that wasmtime has for its types, as the component itself tells
these types. In wasmtime, a record has attributes in kebab-case, flags are a set, and a variant is a `Variant` only where
its payload alone would not tell which case it is.
"""

from typing import Any

from wasmtime.component import (
    FlagsType, ListType, OptionType, Record, RecordType, ResultType, U64, ValType, Variant, VariantType,
)

from .times import milliseconds, rfc3339

# The names of the flags, in their order.
_OPTIONS = ("lock-now", "require-entry", "no-credentials-on-boot")


def from_json(ty: ValType, value: Any) -> Any:
    """A value of this type for wasmtime."""
    if isinstance(ty, OptionType) and value is not None:
        payload = from_json(ty.payload, value)
        return Variant("some", payload) if _is_tagged(ty) else payload
    if isinstance(ty, OptionType):
        return Variant("none") if _is_tagged(ty) else None
    if isinstance(ty, FlagsType):
        return set(value)
    if isinstance(ty, ListType):
        return [from_json(ty.element, element) for element in value]
    if isinstance(ty, RecordType):
        record = Record()
        for name, field in ty.fields:
            setattr(record, name, from_json(field, value[name.replace("-", "_")]))
        return record
    if isinstance(ty, VariantType):
        tag, payload = next(iter(value.items())) if isinstance(value, dict) else (value, None)
        payload_type = dict(ty.cases)[tag]
        payload = None if payload_type is None else from_json(payload_type, payload)
        return Variant(tag, payload) if _is_tagged(ty) else payload
    if isinstance(ty, U64) and isinstance(value, str):
        return milliseconds(value)
    return value


def to_json(ty: ValType | None, value: Any) -> Any:
    """The JSON form of a value of this type; of none, if a function has no result."""
    if isinstance(ty, OptionType):
        tag, payload = _case_of(ty, [("none", None), ("some", ty.payload)], value)
        return None if tag == "none" else to_json(ty.payload, payload)
    if isinstance(ty, ResultType):
        tag, payload = _case_of(ty, [("ok", ty.ok), ("err", ty.err)], value)
        payload_type = ty.ok if tag == "ok" else ty.err
        return {tag: None if payload_type is None else to_json(payload_type, payload)}
    if isinstance(ty, VariantType):
        tag, payload = _case_of(ty, ty.cases, value)
        payload_type = dict(ty.cases)[tag]
        return tag if payload_type is None else {tag: to_json(payload_type, payload)}
    if isinstance(ty, FlagsType):
        return [name for name in _OPTIONS if name in value]
    if isinstance(ty, ListType):
        return [to_json(ty.element, element) for element in value]
    if isinstance(ty, RecordType):
        fields = ((name, to_json(field, getattr(value, name))) for name, field in ty.fields)
        return {name.replace("-", "_"): field for name, field in fields}
    if isinstance(ty, U64):
        # Every number of 64 bits that a plugin returns is a time.
        return rfc3339(value)
    return value


def _case_of(ty: ValType, cases: list[tuple[str, Any]], value: Any) -> tuple[str, Any]:
    """Which case of a variant, option or result a value is, and its payload."""
    if _is_tagged(ty):
        return value.tag, value.payload
    for tag, payload_type in cases:
        if payload_type is None:
            if value is None:
                return tag, None
            continue
        classes: set[type] = set()
        payload_type.add_classes(classes)
        if isinstance(value, tuple(classes)):
            return tag, value
    raise ValueError(f"{value!r} is no case of {cases}")


def _is_tagged(ty: ValType) -> bool:
    """wasmtime tells this only to itself."""
    return bool(ty._tagged())  # type: ignore[attr-defined]
