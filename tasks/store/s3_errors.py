"""What an S3 error means to the publishing protocol.

s3fs reports most refusals as a plain ``OSError`` (a lost race is errno 22, as is much else), so the decision is
made on the ``ClientError`` that caused it: first its code, then its HTTP status. Only codes and statuses go into
messages, never the server's own text or headers: they may quote the key id or the signed request.
"""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from configs.errors import (
    NoBucketError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreError,
    StorePermissionError,
    StoreUnavailableError,
)

_REFUSED = {"PreconditionFailed", "412"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted", "409"}
_ABSENT = {"NoSuchKey", "NoSuchUpload", "NotFound", "404"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "Forbidden", "403"}
_NOT_KNOWN = {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "401"}
_DOING = {"Get": "read", "Head": "read", "List": "list", "Delete": "delete", "Abort": "give up an upload of"}
_PASSING = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests"}
_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "301", "307"}


class ConflictError(StoreUnavailableError):
    """Another conditional write of the key was under way (409). Nothing was applied; ask again."""


def translated(error: BaseException, url: str, bucket: str, key: str) -> StoreError:
    """The store's error for what s3fs or botocore raised."""
    where = f"{url}/{key}"
    for cause in _chain(error):
        if isinstance(cause, ClientError):
            return _answered(cause, url, bucket, key)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return StorePermissionError(f"{where}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if isinstance(error, FileNotFoundError):
        return ObjectNotFoundError(key)
    if isinstance(error, PermissionError):
        return StorePermissionError(f"{where}: permission denied; check the credentials and their rights")
    if isinstance(error, BotoCoreError) and not isinstance(error, ConnectionError | HTTPClientError):
        return StoreError(f"{where}: the request could not be made ({error}); check the address of the store")
    return StoreUnavailableError(f"{where}: {type(error).__name__}; is the store up, and AWS_ENDPOINT_URL right?")


def _answered(error: ClientError, url: str, bucket: str, key: str) -> StoreError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    where = f"{url}/{key}"
    if code in _REFUSED or status == 412:
        return PreconditionFailedError(key)
    if code in _CONFLICT:
        return ConflictError(f"{where}: another write was under way ({code}); try again")
    if code == "NoSuchBucket":
        return NoBucketError(url, bucket)
    if code in _ABSENT:
        return ObjectNotFoundError(key)
    if code in _DENIED:
        asked = error.operation_name
        doing = next((word for verb, word in _DOING.items() if asked.startswith(verb)), "write")
        return StorePermissionError(
            f"{where}: the identity in use may not {doing} this ({code} on {asked}); see in docs/access.md who may: "
            "use the credentials of that role, or give this one the right"
        )
    if code in _NOT_KNOWN:
        return StorePermissionError(
            f"{where}: the credentials are not accepted ({code}): expired, taken back or misspelt; set new ones in "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; a worker hands its runs what it was started with: restart it"
        )
    if code == "RequestTimeTooSkewed":
        return StorePermissionError(f"{where}: the store answered {code}: set the clock of this machine")
    if code in _PASSING or status >= 500 or status == 429:
        return StoreUnavailableError(f"{where}: the store answered {code or status}; try again later")
    if code in _REGION:
        return StoreError(f"{where}: the store answered {code}: the bucket is in another region; set AWS_REGION")
    return StoreError(f"{where}: the store refused the request with {code or status}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
