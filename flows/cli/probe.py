"""``techtrade sources probe``: the first look at every publisher, and the bundle that is kept of it."""

from __future__ import annotations

import logging
from pathlib import Path

from configs.words import plural
from flows.cli.output import print_json, progress, say
from flows.prefect_setup import secrets
from flows.prefect_setup.remarks import remark
from tasks.common.clock import utc_now

logging.getLogger("stamina").addHandler(logging.NullHandler())


def probe(names: tuple[str, ...], out: str, as_json: bool) -> int:
    """Return the exit code: 0 if every publisher is as believed, 1 if one differs or a probe could not be made."""
    from tasks.extract.probe import bundle, publishers, report

    to = Path(out)
    publishers.refuse_unknown(names)
    bundle.refuse_existing(to)
    with progress("asking publishers"):
        found = publishers.probe(names, utc_now(), secrets.secret_value)
        bundle.write(to, bundle.files(found, secrets.secret_value))
    if as_json:
        print_json(report.as_json(found))
    else:
        for line in report.summary(found):
            say(line)
        for finding in found.findings:
            say(f"{finding.severity}: {report.words(finding)}", first="  ")
    remark(f"{plural(len(report.numbered(found)), 'request')}; report and answers, without keys, are in {to}")
    return 0 if found.as_believed else 1
