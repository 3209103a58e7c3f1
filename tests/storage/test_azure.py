"""What Azure storage refuses arrives as our errors, and what cannot work is said before anybody is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from medallion import errors
from medallion.config.connection import Azure, Connection
from medallion.config.secret import Secrets
from medallion.storage.azure import AzureFileSystem, _credential, _refusal
from medallion.storage.location import Location
from medallion.storage.provider import Access

ROOT = Location.parse("abfss://lake@devstoreaccount1.dfs.core.windows.net/bronze")
RESOLVER = Secrets(environ={"KEY": "a2V5", "SAS": "sig=x"})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "BlobNotFound", errors.NotFoundError),
        (404, "ContainerNotFound", errors.StorageError),
        (409, "BlobAlreadyExists", errors.AlreadyExistsError),
        (412, "ConditionNotMet", errors.AlreadyExistsError),
        (503, "ServerBusy", errors.StorageUnavailable),
        (500, "OperationTimedOut", errors.StorageUnavailable),
        (403, "AuthorizationFailure", errors.StorageError),
        (400, "InvalidInput", errors.StorageError),
    ],
)
def test_answers_become_our_errors(status: int, code: str, kind: type[errors.StorageError]) -> None:
    """The status decides, the code where it says more."""
    assert type(_refusal(SimpleNamespace(status_code=status, error_code=code), "abfss://a")) is kind


def test_an_answer_that_breaks_off_is_a_passing_trouble() -> None:
    """The SDK raises it as an error of the service's that has neither status nor code."""
    error = HttpResponseError(message="Connection broken: ConnectionResetError(104)")

    assert type(_refusal(error, "abfss://a")) is errors.StorageUnavailable


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"account_key": "secret:env:KEY"}, {"account_name": "lake", "account_key": "a2V5"}),
        ({"sas_token": "secret:env:SAS"}, "sig=x"),
        ({"tenant_id": "t", "client_id": "c", "client_secret": "secret:env:KEY"}, "ClientSecretCredential"),
        ({}, "DefaultAzureCredential"),
    ],
)
def test_credentials_are_what_the_connection_gives_or_the_machine_is(settings: dict[str, Any], shown: Any) -> None:
    """A key, a signature, a principal, or nothing."""
    found = _credential(Azure.model_validate(settings), "lake", Access(resolver=RESOLVER))

    assert shown in (found, type(found).__name__)


def test_a_store_that_is_not_there_is_unavailable() -> None:
    """A closed port is a passing trouble, and named with the place."""
    settings = {"azure": {"endpoint": "http://127.0.0.1:9", "account_key": "secret:env:KEY"}}
    fs = AzureFileSystem.opened(ROOT, Access(connection=Connection.model_validate(settings), resolver=RESOLVER))

    with pytest.raises(errors.StorageUnavailable, match=r"windows.net/bronze/a: the store does not answer"):
        fs.exists("a")


@pytest.mark.parametrize("text", ["abfss:///bronze", "abfss://lake/bronze", "abfss://@account/bronze"])
def test_a_root_needs_container_and_account(text: str) -> None:
    """What is missing is shown by an example."""
    with pytest.raises(errors.StorageError, match="container@account"):
        AzureFileSystem.opened(Location.parse(text), Access())
