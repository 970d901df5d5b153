"""What an S3 error means to the publishing protocol.

The decision is made on the ``ClientError``: first its code, then its HTTP status. s3fs reports most refusals as a plain
``OSError`` raised from it (a lost race is errno 22, as is much else). Only an error's cause is followed, never the
error that was being handled when it was raised: a reset after a 404 is a reset.

"Not found" is what S3 itself says with a code. A bare 404 may come from anything that answers at the address of the
store, and would turn a wrong address or a proxy that is down into "nothing was ever published".

Only codes and statuses go into messages, never the server's own text or headers: they may quote the key id or the
signed request.
"""

from __future__ import annotations

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

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
_ABSENT = {"NoSuchKey", "NoSuchUpload"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "Forbidden", "403"}
_NOT_KNOWN = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "401",
}
_DOING = {"Get": "read", "Head": "read", "List": "list", "Delete": "delete", "Abort": "give up an upload of"}
_PASSING = {
    "BandwidthLimitExceeded", "InternalError", "RequestLimitExceeded", "RequestThrottled", "RequestTimeout",
    "RequestTimeoutException", "ServiceUnavailable", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests",
    "TooManyRequestsException",
}  # fmt: skip
_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "301", "302", "307", "308"}
_CONDITIONAL = {"PutObject", "CompleteMultipartUpload", "CopyObject"}
_BROKEN = (
    aiohttp.ClientPayloadError,
    FlexibleChecksumError,
    IncompleteReadError,
    KeyError,
    ResponseParserError,
    ValueError,
)


class ConflictError(StoreUnavailableError):
    """Another conditional write of the key was under way (409). Nothing was applied; ask again."""


class EmptyRangeError(StoreError):
    """The range that was asked for is beyond the end of the object."""


class BrokenAnswerError(ValueError):
    """An answer of S3 that is not whole: cut off, of the wrong length, or not one of S3 at all."""


def translated(error: BaseException, url: str, bucket: str, key: str) -> StoreError:
    """The store's error for what s3fs, botocore or aiohttp raised."""
    where = f"{url}/{key}"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ClientError):
            return _answered(cause, url, bucket, key)
        cause = cause.__cause__
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return StorePermissionError(f"{where}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if isinstance(error, PermissionError):
        return StorePermissionError(f"{where}: permission denied; check the credentials and their rights")
    if isinstance(error, _BROKEN):
        why = f"{error}" if isinstance(error, BrokenAnswerError) else type(error).__name__
        return StoreUnavailableError(f"{where}: the answer of the store was not whole ({why}); try again later")
    if isinstance(error, BotoCoreError) and not isinstance(error, ConnectionError | HTTPClientError):
        return StoreError(f"{where}: the request could not be made ({error}); check the address of the store")
    return StoreUnavailableError(f"{where}: {type(error).__name__}; is the store up, and AWS_ENDPOINT_URL right?")


def _answered(error: ClientError, url: str, bucket: str, key: str) -> StoreError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    asked = error.operation_name
    where = f"{url}/{key}"
    if asked in _CONDITIONAL and (code in _REFUSED or status == 412):
        return PreconditionFailedError(key)
    if code in _CONFLICT:
        return ConflictError(f"{where}: another write was under way ({code}); try again")
    if code == "NoSuchBucket":
        return NoBucketError(url, bucket)
    if code in _ABSENT or (asked == "HeadObject" and code == "404"):  # an answer to HEAD has no body, hence no code
        return ObjectNotFoundError(key)
    if refused := _not_permitted(code, asked, where):
        return refused
    if code == "InvalidRange" or status == 416:
        return EmptyRangeError(f"{where}: the object is shorter than the part asked for")
    if code == "NotImplemented" or status == 501:
        return StoreError(f"{where}: the store does not support {asked} as asked ({code}); see docs/s3-servers.md")
    if code in _PASSING or status >= 500 or status == 429:
        return StoreUnavailableError(f"{where}: the store answered {code or status}; try again later")
    if status == 404:
        return StoreUnavailableError(
            f"{where}: what answers at this address said 404 and not, as S3 does, what is missing; "
            "is the store up, and AWS_ENDPOINT_URL right?"
        )
    if code in _REGION:
        return StoreError(f"{where}: the store answered {code}: the bucket is in another region; set AWS_REGION")
    return StoreError(f"{where}: the store refused the request with {code or status}")


def _not_permitted(code: str, asked: str, where: str) -> StoreError | None:
    if code in _DENIED:
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
    if asked == "HeadObject" and code == "400":
        return StorePermissionError(
            f"{where}: the store answered {code} without a reason, as it does to credentials that have expired; check "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        )
    return None
