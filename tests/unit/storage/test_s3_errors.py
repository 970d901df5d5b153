"""What an answer of S3 means: by its code and status, however s3fs dressed it up."""

from __future__ import annotations

import pytest
from aiohttp import ClientPayloadError
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    FlexibleChecksumError,
    IncompleteReadError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError
from s3fs.errors import translate_boto_error

from configs.errors import (
    NoBucketError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreError,
    StorePermissionError,
    StoreUnavailableError,
)
from tasks.storage.s3_errors import BrokenAnswerError, ConflictError, translated

ASKED = ("GetObject", "HeadObject", "ListObjectsV2", "PutObject")
SECRET = "AKIA-in-the-servers-text"


def answer(code: str, status: int, **extra: str) -> BaseException:
    response = {"Error": {"Code": code, "Message": SECRET, **extra}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return translate_boto_error(ClientError(response, "PutObject"))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("PreconditionFailed", 412, PreconditionFailedError),
        ("412", 412, PreconditionFailedError),
        ("ConditionalRequestConflict", 409, ConflictError),
        ("OperationAborted", 409, ConflictError),
        ("NoSuchKey", 404, ObjectNotFoundError),
        ("404", 404, StoreUnavailableError),
        ("TemporaryRedirect", 307, StoreError),
        ("InternalError", 200, StoreUnavailableError),
        ("NoSuchUpload", 404, ObjectNotFoundError),
        ("AccessDenied", 403, StorePermissionError),
        ("SignatureDoesNotMatch", 403, StorePermissionError),
        ("SlowDown", 503, StoreUnavailableError),
        ("InternalError", 500, StoreUnavailableError),
        ("SomethingNew", 502, StoreUnavailableError),
        ("NoSuchBucket", 404, NoBucketError),
        ("InvalidArgument", 400, StoreError),
        ("NotImplemented", 400, StoreError),
        ("PermanentRedirect", 301, StoreError),
    ],
)
def test_each_answer_has_one_meaning_and_its_text_is_not_repeated(
    code: str, status: int, kind: type[StoreError]
) -> None:
    found = translated(answer(code, status), "s3://b/p", "b", "k")
    assert type(found) is kind
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        ("PutObject", "AccessDenied", "s3://b/p/k: the identity in use may not write this (AccessDenied on PutObject)"),
        ("CreateMultipartUpload", "AccessDenied", "may not write this"),
        ("GetObject", "AccessDenied", "may not read this"),
        ("HeadObject", "403", "may not read this"),
        ("ListObjectsV2", "AccessDenied", "may not list this"),
        ("DeleteObject", "AccessDenied", "may not delete this"),
        ("PutObject", "ExpiredToken", "the credentials are not accepted (ExpiredToken)"),
        ("PutObject", "InvalidAccessKeyId", "the credentials are not accepted"),
        ("PutObject", "RequestTimeTooSkewed", "clock"),
    ],
)
def test_a_refusal_says_what_where_and_what_to_do(operation: str, code: str, words: str) -> None:
    response = {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    told = translated(translate_boto_error(ClientError(response, operation)), "s3://b/p", "b", "k")
    assert type(told) is StorePermissionError and words in str(told) and SECRET not in str(told)
    if code in ("AccessDenied", "403"):
        assert "docs/access.md" in str(told)


def test_a_lost_race_is_found_behind_whatever_s3fs_makes_of_it() -> None:
    plain = answer("PreconditionFailed", 412)
    exists = answer("PreconditionFailed", 412, Condition="If-None-Match")
    assert type(plain) is OSError and type(exists) is FileExistsError
    for error in (plain, exists):
        assert type(translated(error, "s3://b/p", "b", "k")) is PreconditionFailedError


def test_an_invalid_argument_is_no_lost_race_though_s3fs_gives_both_the_same_number() -> None:
    invalid = answer("InvalidArgument", 400)
    assert getattr(invalid, "errno", None) == 22
    assert type(translated(invalid, "s3://b/p", "b", "k")) is StoreError


def test_a_broken_connection_is_unavailable_a_request_that_makes_no_sense_is_not() -> None:
    down = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
    assert type(translated(down, "s3://b/p", "b", "k")) is StoreUnavailableError
    assert type(translated(TimeoutError(), "s3://b/p", "b", "k")) is StoreUnavailableError
    assert type(translated(ParamValidationError(report="Bucket"), "s3://b/p", "b", "k")) is StoreError


@pytest.mark.parametrize(
    "error",
    [
        ClientPayloadError("not enough data"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        FlexibleChecksumError(error_msg="crc32"),
        ResponseParserError("not XML"),
        ValueError("Content-Length"),
        BrokenAnswerError("1 bytes where 2 were promised"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_answer_that_is_not_whole_is_unavailable(error: Exception) -> None:
    assert type(translated(error, "s3://b/p", "b", "k")) is StoreUnavailableError


@pytest.mark.parametrize("handled", [answer("NoSuchKey", 404), answer("PreconditionFailed", 412)])
def test_reset_while_an_answer_was_handled_is_unavailable(handled: Exception) -> None:
    try:
        try:
            raise handled
        except OSError:
            raise ConnectionResetError  # noqa: B904 - the context is what is tested
    except ConnectionResetError as reset:
        assert type(translated(reset, "s3://b/p", "b", "k")) is StoreUnavailableError


def test_head_that_is_refused_without_a_code_names_the_credentials() -> None:
    response = {"Error": {"Code": "400"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    told = translated(translate_boto_error(ClientError(response, "HeadObject")), "s3://b/p", "b", "k")
    assert type(told) is StorePermissionError and "expired" in str(told)


def test_bare_not_found_is_absence_to_head_only() -> None:
    response = {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
    kinds = {asked: type(translated(ClientError(response, asked), "s3://b/p", "b", "k")) for asked in ASKED}
    assert kinds == dict.fromkeys(ASKED, StoreUnavailableError) | {"HeadObject": ObjectNotFoundError}


def test_refused_condition_is_a_lost_race_to_writes_only() -> None:
    response = {"Error": {"Code": "PreconditionFailed"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
    kinds = {asked: type(translated(ClientError(response, asked), "s3://b/p", "b", "k")) for asked in ASKED}
    assert [asked for asked, kind in kinds.items() if kind is PreconditionFailedError] == ["PutObject"]
