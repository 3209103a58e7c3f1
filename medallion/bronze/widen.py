"""Which type holds the values of two others without loss: the only direction in which a schema moves."""

from __future__ import annotations

from collections.abc import Iterable

from medallion.schema import BIGINT, DOUBLE, NOTHING, STRING, Array, Atom, Decimal, Nothing, Numbers, Struct, Type, landing_name


def settled(seen: Type) -> Type | None:
    """The landing type for values of the type *seen*; None while there is none, because only nulls were seen."""
    match seen:
        case Nothing():
            return None
        case Numbers():
            if not seen.fraction:
                return BIGINT if seen.bits64 else STRING
            return DOUBLE if seen.bits53 else (_exact(seen.digits, seen.scale) or STRING)
        case Array():
            element = settled(seen.element)
            return None if element is None else Array(element)
        case Struct():
            fields: dict[str, Type] = {}
            for name, kind in seen.fields:
                if (landed := settled(kind)) is not None:
                    fields[landing_name(name, fields, top=False)] = landed
            return Struct(tuple(fields.items())) if fields else None
        case _:
            return seen


def joined(one: Type, other: Type) -> Type:
    """The narrowest type that holds the values of both without loss; string, where there is no other."""
    if one == other or isinstance(other, Nothing):
        return one
    match one, other:
        case Nothing(), _:
            return other
        case Numbers(), Numbers():
            return Numbers(
                digits=max(one.digits, other.digits),
                scale=max(one.scale, other.scale),
                fraction=one.fraction or other.fraction,
                bits64=one.bits64 and other.bits64,
                bits53=one.bits53 and other.bits53,
            )
        case (Decimal() | Numbers() | Atom(name="bigint"), Decimal() | Numbers() | Atom(name="bigint")):
            return _numeric(one, other)
        case (Atom(name="double"), Numbers()) | (Numbers(), Atom(name="double")):
            numbers = one if isinstance(one, Numbers) else other
            return DOUBLE if isinstance(numbers, Numbers) and numbers.bits53 else STRING
        case Array(), Array():
            return Array(joined(one.element, other.element))
        case Struct(), Struct():
            return _struct(one, other)
        case _:
            return STRING


def narrowest(kinds: Iterable[Type]) -> Type:
    """The narrowest type that holds the values of all *kinds*."""
    whole: Type = NOTHING
    for kind in kinds:
        whole = joined(whole, kind)
    return whole


def _exact(digits: int, scale: int) -> Decimal | None:
    """A decimal for that many digits before and behind the point: a roomy one if possible, so that it need not change again."""
    if scale == 0:
        return Decimal(precision=38, scale=0) if digits <= 38 else None
    if digits <= 20 and scale <= 18:
        return Decimal(precision=38, scale=18)
    return Decimal(precision=digits + scale, scale=scale) if digits + scale <= 38 else None


def _numeric(one: Type, other: Type) -> Type:
    def digits(kind: Type) -> tuple[int, int]:
        match kind:
            case Decimal():
                return kind.precision - kind.scale, kind.scale
            case Numbers():
                return kind.digits, kind.scale
            case _:
                return 19, 0

    for bigint, numbers in ((one, other), (other, one)):
        if bigint == BIGINT and isinstance(numbers, Numbers) and not numbers.fraction and numbers.bits64:
            return BIGINT
    (before, behind), (before2, behind2) = digits(one), digits(other)
    before, behind = max(before, before2), max(behind, behind2)
    for kind in (one, other):  # one of them may hold both as it is
        if isinstance(kind, Decimal) and before <= kind.precision - kind.scale and behind <= kind.scale:
            return kind
    return _exact(before, behind) or STRING


def _struct(one: Struct, other: Struct) -> Struct:
    fields = dict(one.fields)
    for name, kind in other.fields:
        fields[name] = joined(fields[name], kind) if name in fields else kind
    return Struct(tuple(fields.items()))


def with_empty(kind: Type, seen: Type) -> Type:
    """The type *kind* with the parts of *seen* that it lacks and that held nothing."""
    match kind, seen:
        case Struct(), Struct():
            fields = dict(kind.fields)
            for name, part in seen.fields:
                if name in fields:
                    fields[name] = with_empty(fields[name], part)
                elif settled(part) is None:
                    fields[name] = part
            return Struct(tuple(fields.items()))
        case Array(), Array():
            return Array(with_empty(kind.element, seen.element))
        case _:
            return kind
