"""``techtrade promote``: publishes what the gate rejected, by name of a person."""

from __future__ import annotations

from dataclasses import asdict

from configs.contracts import load_contract
from configs.errors import UsageError
from configs.hints import command
from configs.words import plural
from flows.cli.output import print_json, remark
from flows.cli.publish import say_followed
from flows.cli.versions import open_at, split_target
from flows.cli.wording import changes_words
from flows.notices import NOTICES
from flows.prefect_setup import alert_hooks
from tasks.publish.after import after, promoted
from tasks.publish.promote import promote as promote_
from tasks.warehouse import yank
from tasks.warehouse.records import as_plain


def promote(target: str, reason: str, by: str, url: str | None, as_json: bool) -> None:
    name, version = split_target(target)
    if version is None:
        raise UsageError(f"name the rejected version to promote: {name}@VERSION; see: {command('versions', name)}")
    contract, store = load_contract(name), open_at(url)
    yank.settle(store, name)
    done = promote_(store, contract, version, reason, by)
    manifest = done.manifest
    with alert_hooks.collected(store.url):
        followed = after(store, contract, promoted(name, version, manifest.version), NOTICES)
    if as_json:
        told = {"promoted": not done.before, "manifest": as_plain(manifest)}
        print_json(told | {"followed": [asdict(f) for f in followed]})
        say_followed(followed, as_json)
        return
    if done.before:
        remark(f"{name}@{version} was promoted before, as {manifest.version}; nothing was done")
        return
    failed = manifest.quality.failed_critical
    print(
        f"{name}@{manifest.version} published from {version}, by {by}: vintage {manifest.vintage}, {manifest.rows:,} "
        f"rows, {changes_words(manifest.changes)}; {plural(failed, 'critical check')} overridden"
    )
    say_followed(followed, as_json)
