"""Objects that are too large for one request: uploads and copies in parts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from configs.errors import StoreError
from tasks.storage.s3_requests import Requests, needs

AT_ONCE = 4
COPY_BYTES = 50 << 20


async def upload(requests: Requests, key: str, name: str, path: Path, part_bytes: int) -> None:
    """Upload a file in parts as a new object. One that fails is given up, so that no part is left behind.

    Raises:
        PreconditionFailedError: an object is there already.
    """
    made = await requests.asked("create_multipart_upload", name, needs("UploadId"), Key=key)
    begun: dict[str, Any] = {"Key": key, "UploadId": made["UploadId"]}

    async def part(number: int, body: bytes) -> dict[str, Any]:
        sent = await requests.asked("upload_part", name, needs("ETag"), PartNumber=number, Body=body, **begun)
        return {"PartNumber": number, "ETag": sent["ETag"]}

    try:
        parts: list[dict[str, Any]] = []
        with open(path, "rb") as file:
            while chunks := [chunk for _ in range(AT_ONCE) if (chunk := file.read(part_bytes))]:
                parts += await asyncio.gather(*(part(len(parts) + n, chunk) for n, chunk in enumerate(chunks, 1)))
        await _complete(requests, name, begun, parts, IfNoneMatch="*")
    except BaseException:
        await _give_up(requests, name, begun)
        raise


async def copy(requests: Requests, source: dict[str, str], key: str, name: str, size: int) -> None:
    """Copy a large object in parts, without its bytes passing through this machine."""
    made = await requests.asked("create_multipart_upload", name, needs("UploadId"), Key=key)
    begun: dict[str, Any] = {"Key": key, "UploadId": made["UploadId"]}
    try:
        parts = []
        for number, start in enumerate(range(0, size, COPY_BYTES), 1):
            stop = min(start + COPY_BYTES, size)
            sent = await requests.asked(
                "upload_part_copy",
                name,
                _copied("CopyPartResult"),
                moves=COPY_BYTES,
                PartNumber=number,
                CopySource=source,
                CopySourceRange=f"bytes={start}-{stop - 1}",
                **begun,
            )
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        await _complete(requests, name, begun, parts)
    except BaseException:
        await _give_up(requests, name, begun)
        raise


async def copy_small(requests: Requests, source: dict[str, str], key: str, name: str, size: int) -> None:
    """Copy an object in one request."""
    await requests.asked("copy_object", name, _copied("CopyObjectResult"), moves=size, Key=key, CopySource=source)


def _copied(result: str) -> Any:
    async def take(answer: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = await needs("ETag")(answer.get(result) or {})
        return found

    return take


async def _complete(
    requests: Requests, name: str, begun: dict[str, Any], parts: list[dict[str, Any]], **condition: Any
) -> None:
    whole = {"Parts": parts}
    await requests.asked("complete_multipart_upload", name, needs("ETag"), MultipartUpload=whole, **begun, **condition)


async def _give_up(requests: Requests, name: str, begun: dict[str, Any]) -> None:
    with suppress(StoreError):  # gc gives up what is left
        await requests.asked("abort_multipart_upload", name, **begun)
