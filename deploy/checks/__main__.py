"""``make deploy-check``: holds the files of deploy/ against the tools that read such files.

Each check is one line: what, by what, and how it went; what a tool found comes below. What cannot be run on this
machine is said as such, and is no failure: Terraform where there is none, a user of its own where we are not root. What
can be run nowhere here (an engine, a cluster, an account) stands in docs/cloud.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.checks import image, tools
from deploy.checks.found import Found

Check = Callable[[Path], Found]
CHECKS: dict[str, Check] = {
    "Dockerfile: hadolint": tools.hadolint,
    "compose.yaml: docker-compose": tools.compose,
    "kubernetes/: kubernetes-validate": tools.kubernetes,
    "Dockerfile, kubernetes/, terraform/: checkov": tools.checkov,
    "terraform/: terraform fmt, and the policies that come out": tools.terraform,
    "Dockerfile: built and run without an engine": image.check,
}


def main(arguments: list[str]) -> int:
    """Returns the exit code. ``arguments``: parts of the names of the checks to run; all, if there are none."""
    failed = 0
    for name, check in CHECKS.items():
        if arguments and not any(a.lower() in name.lower() for a in arguments):
            continue
        start = time.monotonic()
        with TemporaryDirectory(prefix="techtrade-deploy-") as folder:
            found = check(Path(folder))
        verdict = "not run" if found.skipped else "failed" if found.problems else "ok"
        print(
            f"{name}: {verdict}, {time.monotonic() - start:.0f} s{f'; {found.told}' if found.told else ''}", flush=True
        )
        for line in found.problems:
            print(f"  {line}", flush=True)
        failed += bool(found.problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
