"""Secrets: where they come from, what is said when they do not, and that no text shows them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.config.secret import MASK, Secrets
from medallion.errors import SecretError

VALUE = "p@ss/w+rd = é%"


def test_each_store_gives_its_value(tmp_path) -> None:
    """Environment, file (without the newline at its end), and what dbutils says."""
    (tmp_path / "token").write_text("from file\n", encoding="utf-8")
    secrets = Secrets(environ={"TOKEN": "from env"}, databricks=lambda scope, key: f"from {scope} and {key}")

    assert secrets.resolve("secret:env:TOKEN") == "from env"
    assert secrets.resolve(f"secret:file:{tmp_path}/token") == "from file"
    assert secrets.resolve("secret:databricks:scope/a/b") == "from scope and a/b"


def test_a_rotated_secret_is_seen_and_both_values_are_masked(tmp_path) -> None:
    """Each question is answered with what the store says now; what was said before stays masked."""
    token = tmp_path / "token"
    secrets = Secrets(environ={})
    values = []
    for value in ("first-one", "second-one"):
        token.write_text(value, encoding="utf-8")
        values.append(secrets.resolve(f"secret:file:{token}"))

    assert values == ["first-one", "second-one"]
    assert secrets.mask("first-one, second-one") == f"{MASK}, {MASK}"


def test_nothing_is_read_before_it_is_asked_for() -> None:
    """Making a Secrets object, and masking with it, resolves nothing."""
    secrets = Secrets(environ={"TOKEN": "value"}, databricks=lambda _scope, _key: pytest.fail("was asked"))

    assert secrets.mask("value") == "value"


@pytest.mark.parametrize(
    "ref",
    [
        "secret:env:MISSING", "secret:env:EMPTY", "secret:env:BLANK",
        "secret:file:/nowhere/token", "secret:file:/", "secret:databricks:a/b",
        "hunter2", "secret:vault:x", "secret:env:", "secret:databricks:a",
    ],
)  # fmt: skip
def test_a_secret_that_cannot_be_had_is_an_error_that_names_its_reference(ref) -> None:
    """The sentence names the reference, or nothing at all where it may be the secret itself."""
    with pytest.raises(SecretError) as caught:
        Secrets(environ={"EMPTY": "", "BLANK": " \n"}).resolve(ref)

    assert "hunter2" not in str(caught.value)
    assert ref in str(caught.value) or "must be a reference" in str(caught.value)


def test_an_error_of_databricks_is_translated_without_its_text() -> None:
    """What dbutils says may hold anything; only its type is told."""

    def broken(_scope: str, _key: str) -> str:
        raise RuntimeError("hunter2")

    with pytest.raises(SecretError, match=r"secret:databricks:a/b.*RuntimeError") as caught:
        Secrets(environ={}, databricks=broken).resolve("secret:databricks:a/b")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "shown",
    [
        VALUE,
        quote(VALUE),
        quote(VALUE, safe=""),
        quote(VALUE, safe="").lower(),
        quote_plus(VALUE),
        json.dumps(VALUE)[1:-1],
        repr(VALUE)[1:-1],
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(f"user:{VALUE}".encode()).decode(),
        base64.urlsafe_b64encode(f"me:{VALUE}".encode()).decode(),
    ],
)
def test_every_spelling_of_a_value_is_masked(shown) -> None:
    """Plain, in a URL, in JSON, in a repr, in the base64 of basic auth."""
    secrets = Secrets(environ={"A": VALUE})
    secrets.resolve("secret:env:A")

    assert secrets.mask(f"GET https://x.org/?q={shown}&b=1 failed") == f"GET https://x.org/?q={MASK}&b=1 failed"


@given(value=st.text(min_size=1, max_size=12).filter(str.strip), user=st.text("abcd", max_size=5), around=st.text("xyz ?&", max_size=5))
@settings(max_examples=80)
def test_no_value_survives_masking(value, user, around) -> None:
    """Whatever the value and whatever stands around it, neither it nor its URL or basic-auth form is left."""
    secrets = Secrets(environ={"A": value})
    secrets.resolve("secret:env:A")
    basic = base64.b64encode(f"{user}:{value}".encode()).decode()
    masked = secrets.mask(f"{around}{value}{around} {quote(value, safe='')} Basic {basic} {around}")

    left = masked.replace(MASK, "")
    assert value not in left or value in around or value in "Basic  "
    if len(value.encode()) >= 8:
        assert basic not in masked


def test_a_value_inside_another_is_masked_whole() -> None:
    """The longer value goes first, so that nothing of it is left."""
    secrets = Secrets(environ={"A": "abc", "B": "abcdef"})
    for name in ("A", "B"):
        secrets.resolve(f"secret:env:{name}")

    assert secrets.mask("abcdef abc") == f"{MASK} {MASK}"
