"""The bundle of a round of probes: what came, the report, and no secret.

A folder, or a ZIP where the name ends with ``.zip``: ``report.md``, ``report.json``, and for each exchange
``exchanges/NNNN.json`` with its body beside it. Written for two readers: a maintainer, and the double that replays it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from configs.errors import KeyStoreError, UsageError
from configs.settings import Keys, key_variables
from tasks.common.redact import Redactor
from tasks.extract.probe import report
from tasks.extract.probe.exchanges import Exchange
from tasks.extract.probe.publishers import Probed

_EPOCH = (1980, 1, 1, 0, 0, 0)
SUFFIXES = {"application/json": ".json", "text/html": ".html", "text/plain": ".txt", "text/xml": ".xml"}


def refuse_existing(to: Path) -> None:
    """Raises ``UsageError`` where something is in the way, or the folder for it is missing."""
    if to.exists():
        raise UsageError(f"{to.name} is there already; name another with --out")
    if not to.parent.is_dir():
        raise UsageError(f"the folder for {to.name} does not exist; create it, or name another with --out")


def files(probed: Probed, keys: Keys) -> dict[str, bytes]:
    """Return the files of a bundle by their names, redacted once more with every key that is known."""
    found = {"report.md": report.as_markdown(probed).encode()}
    found["report.json"] = _json(report.as_json(probed))
    for number, exchange in enumerate(report.numbered(probed), start=1):
        found |= _files(number, exchange)
    redactors = [Redactor(_known(keys)), *(v.recorder.scrub for v in probed.visits)]
    for redactor in redactors:
        found = {name: redactor.bytes(body) for name, body in found.items()}
    return found


def write(to: Path, content: Mapping[str, bytes]) -> None:
    """Write the files into a new folder, or into a new ZIP."""
    refuse_existing(to)
    if to.suffix.lower() == ".zip":
        with zipfile.ZipFile(to, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, body in content.items():
                info = zipfile.ZipInfo(name, _EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, body)
        return
    (to / "exchanges").mkdir(parents=True)
    for name, body in content.items():
        (to / name).write_bytes(body)


def read(bundle: Path) -> dict[str, bytes]:
    """Return the files of a bundle by their names."""
    if bundle.is_dir():
        return {p.relative_to(bundle).as_posix(): p.read_bytes() for p in sorted(bundle.rglob("*")) if p.is_file()}
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def exchanges(content: Mapping[str, bytes]) -> Iterator[Exchange]:
    """Yield the exchanges of a bundle, in the order of asking."""
    for name in sorted(n for n in content if n.startswith("exchanges/") and n.endswith(".meta.json")):
        told = json.loads(content[name])
        body = content[f"exchanges/{told.pop('file')}"] if told.get("file") else b""
        told.pop("file", None)
        for dropped in ("sha256", "bytes"):
            told.pop(dropped)
        yield Exchange(**{**told, "others": tuple(told["others"]), "body": body})


def _files(number: int, exchange: Exchange) -> dict[str, bytes]:
    told = {
        "source": exchange.source,
        "probe": exchange.probe,
        "method": exchange.method,
        "url": exchange.url,
        "range": exchange.range,
        "status": exchange.status,
        "headers": dict(exchange.headers),
        "others": exchange.others,
        "whole": exchange.whole,
        "seconds": round(exchange.seconds, 3),
        "problem": exchange.problem,
        "bytes": len(exchange.body),
        "sha256": exchange.sha256,
        "file": "",
    }
    if not exchange.body:
        return {f"exchanges/{number:04d}.meta.json": _json(told)}
    told["file"] = f"{number:04d}{SUFFIXES.get(exchange.media, '.bin')}"
    return {f"exchanges/{number:04d}.meta.json": _json(told), f"exchanges/{told['file']}": exchange.body}


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _known(keys: Keys) -> Iterable[str]:
    """Yield every key that is set, whichever source it is of."""
    for variable in key_variables():
        try:
            if value := keys(variable):
                yield value
        except KeyStoreError:  # then no probe was made with it
            continue
