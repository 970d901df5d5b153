"""The checks that a tool makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from deploy import ROOT
from deploy.checks import job, policies
from deploy.checks.found import DEPLOY, TOOLS, Found, plain_environment, problems, run

# The oldest and the newest that is still maintained.
KUBERNETES = ("1.34", "1.37")
# Of the job that Prefect makes from kubernetes/base-job-template.json, where no reason can stand beside the line.
JOB_SKIPS = {
    "CKV_K8S_43": "the image is a variable of the pool: by digest, or by a tag that is never moved",
    "CKV_K8S_35": "the command line and the AWS and Prefect clients take secrets from the environment only",
    "CKV_K8S_15": "an image that is named by digest need not be pulled again",
}


def hadolint(folder: Path) -> Found:
    return Found(problems(run([TOOLS / "hadolint", DEPLOY / "Dockerfile"])))


def compose(folder: Path) -> Found:
    """Resolved whole by docker-compose itself; and refused, naming it, where a secret is missing."""
    secrets = ("POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    (folder / "all.env").write_text("".join(f"{s}=made-up\n" for s in secrets))
    command: list[str | Path] = [TOOLS / "docker-compose", "-f", DEPLOY / "compose.yaml", "--env-file"]
    found = problems(run([*command, folder / "all.env", "config", "--quiet"], env=plain_environment()))
    for missing in secrets[1:]:
        (folder / "some.env").write_text("".join(f"{s}=made-up\n" for s in secrets if s != missing))
        done = run([*command, folder / "some.env", "config", "--quiet"], env=plain_environment())
        if done.returncode == 0 or missing not in done.stderr:
            found += (f"without {missing} it is not refused",)
    return Found(found)


def kubernetes(folder: Path) -> Found:
    """The manifests as they are, and the job that Prefect's own worker makes of the template."""
    files = manifests(folder)
    found: list[str] = []
    for version in KUBERNETES:
        found += problems(run([TOOLS / "kubernetes-validate", "--strict", "--quiet", "-k", version, *files]))
    return Found(tuple(found), f"against {' and '.join(KUBERNETES)}")


def manifests(folder: Path) -> list[Path]:
    """The files of kubernetes/ that a cluster gets, and a job as one more, in ``folder``."""
    made = job.manifest()
    pod: dict[str, Any] = made["spec"]["template"]["spec"]
    # Prefect insists on these two in the pod, where the cluster knows and needs neither.
    del pod["parallelism"], pod["completions"]
    reasons = {f"checkov.io/skip{n}": f"{check}={why}" for n, (check, why) in enumerate(JOB_SKIPS.items(), start=1)}
    made["metadata"]["annotations"] |= reasons
    made["spec"]["template"]["metadata"]["annotations"] = reasons
    made["metadata"]["name"] = "job"
    (folder / "job.yaml").write_text(yaml.safe_dump(made))
    kept = sorted(p for p in (DEPLOY / "kubernetes").glob("*.yaml") if p.name != "kustomization.yaml")
    return [*kept, folder / "job.yaml"]


def checkov(folder: Path) -> Found:
    """All in one run, because it takes ten seconds to begin. Nothing is asked of its makers' server."""
    scanned = folder / "scanned"
    (scanned / "kubernetes").mkdir(parents=True)
    for file in manifests(folder):
        shutil.copy(file, scanned / "kubernetes")
    shutil.copy(DEPLOY / "Dockerfile", scanned)
    shutil.copytree(DEPLOY / "terraform", scanned / "terraform", ignore=shutil.ignore_patterns(".terraform"))
    frameworks = ("dockerfile", "kubernetes", "terraform")
    command: list[str | Path] = [
        TOOLS / "checkov",
        "-d",
        scanned,
        "--framework",
        *frameworks,
        "--skip-download",
        "--compact",
    ]
    done = run([*command, "--quiet", "--output", "json"])
    try:
        reports = json.loads(done.stdout)
    except ValueError:
        return Found(problems(done) or ("it printed no JSON",))
    found: list[str] = []
    passed = skipped = 0
    for report in reports:
        summary, results = report["summary"], report["results"]
        passed, skipped = passed + summary["passed"], skipped + summary["skipped"]
        found += [
            f"{c['check_id']} {c['check_name']}: {c['resource']} ({c['file_path']})" for c in results["failed_checks"]
        ]
        found += [f"cannot be read: {file}" for file in results.get("parsing_errors", ())]
        found += [
            f"{c['check_id']} is skipped without a reason: {c['resource']}"
            for c in results.get("skipped_checks", ())
            if not c["check_result"].get("suppress_comment", "").strip()
        ]
    missing = set(frameworks) - {report["check_type"] for report in reports}
    found += [f"nothing of {framework} was looked at" for framework in sorted(missing)]
    return Found(tuple(found), f"{passed} passed, {skipped} skipped for a reason that stands in the file")


def terraform(folder: Path) -> Found:
    """Its format; and the module that needs no provider is applied, and what comes out is asked request by request.
    The rest needs the provider of AWS, which is fetched from outside."""
    if shutil.which("terraform") is None:
        return Found(told="there is no terraform on this machine; checkov has read the files", skipped=True)
    found = problems(run(["terraform", "fmt", "-check", "-recursive", "-diff", DEPLOY / "terraform"]))
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns(".terraform", "__pycache__"))
    access, more = _applied(folder, "access", {"bucket_arn": policies.BUCKET, "prefix": policies.PREFIX})
    found += more or policies.check(access)
    return Found(found, "no provider here, so the root module was not validated")


def _applied(folder: Path, module: str, variables: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The outputs of a module, and what went wrong."""
    place = folder / "deploy" / "terraform" / module
    (place / "made-up.auto.tfvars.json").write_text(json.dumps(variables))
    env = plain_environment(CHECKPOINT_DISABLE="1", TF_IN_AUTOMATION="1")
    for command in (["init", "-backend=false"], ["validate"], ["apply", "-auto-approve"]):
        wrong = problems(run(["terraform", *command, "-no-color"], cwd=place, env=env))
        if wrong:
            return {}, wrong
    told = json.loads(run(["terraform", "output", "-json", "-no-color"], cwd=place, env=env).stdout)
    return {name: said["value"] for name, said in told.items()}, ()
