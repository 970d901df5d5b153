"""How to get a dataset: the commands that publish it, or what it is made from, into a store that has nothing of it.

The contracts say which datasets are bundled, which need a key, and what is made from what. A message that tells a
person how to get a dataset takes its words from here, so that no hint names a command that cannot work.
"""

from __future__ import annotations

from dataclasses import dataclass

from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError, NotBundledError
from configs.hints import command
from configs.history_contract import base_of
from configs.settings import has_settings, load_settings, source_settings


@dataclass(frozen=True)
class Start:
    """A command, as words after ``techtrade``, and what it needs or costs, in words."""

    words: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def start(dataset: str) -> Start:
    """Return the command after which a store has a first version of the dataset.

    It publishes the snapshot of a bundled dataset, and the publisher's figures of any other. A mart or a history is
    published with its inputs, so the command publishes those; where any one input is enough, the bundled ones.
    """
    inputs = published_with(dataset)
    bundled = tuple(name for name in inputs if load_contract(name).sources.snapshot)
    if bundled and (bundled == inputs or load_contract(dataset).derived_from_any):
        return Start(("publish", *bundled, "--source", "snapshot"))
    return Start(("publish", *inputs), tuple(dict.fromkeys(r for name in inputs for r in _remarks(name))))


def start_words(dataset: str, store: str | None = None) -> str:
    """Return ``start with: techtrade publish ...``, ready to be put at the end of a message."""
    found = start(dataset)
    follows = published_with(dataset) != (dataset,)
    follow = "TECHTRADE_FOLLOW=true" if follows and not load_settings().follow else ""
    remarks = f" ({'; '.join(found.remarks)})" if found.remarks else ""
    return f"start with: {command(*found.words, store=store, environment=follow)}{remarks}"


def again(dataset: str, *options: str, store: str | None = None) -> str:
    """Return the command whose run makes a new version of the dataset: of a mart or a history, a run of its inputs."""
    return command("publish", *published_with(dataset), *options, store=store)


def published_with(dataset: str) -> tuple[str, ...]:
    """Return the publishers' datasets with whose runs a dataset is published: itself, or all that it is made from."""
    inputs = load_contract(dataset).derived_from
    return tuple(dict.fromkeys(name for of in inputs for name in published_with(of))) or (dataset,)


def bundled_instead(source: str) -> str:
    """Return the command that publishes the bundled figures of a publisher's datasets; empty if none are bundled."""
    of = [contract for name in dataset_names() if (contract := load_contract(name)).sources.live == source]
    names = [contract.name for contract in of if contract.sources.snapshot]
    return command("publish", *names, "--source", "snapshot") if names else ""


def not_bundled(dataset: str, store: str | None = None) -> NotBundledError:
    """Return the error for a dataset whose bundled figures are asked for and that has none."""
    if published_with(dataset) == (dataset,):
        return NotBundledError(dataset, f"nothing of {dataset} is bundled; {start_words(dataset, store)}")
    base = base_of(dataset)
    of = f"the history of {base}" if base else f"made from {', '.join(load_contract(dataset).derived_from)}"
    return NotBundledError(dataset, f"{dataset} is {of} and published with it; {start_words(dataset, store)}")


def _remarks(dataset: str) -> tuple[str, ...]:
    """What it takes to publish a dataset from its publisher."""
    source = load_contract(dataset).sources.live
    if not has_settings(source):
        return ()
    try:
        settings = source_settings(source)
    except ConfigError:  # a wrong setting is reported by the run that needs it, not by a hint to something else
        return ()
    key = f"needs {settings.key.variable}, free at {settings.key.signup}" if settings.key else ""
    return tuple(remark for remark in (key, settings.only_by_name) if remark)
