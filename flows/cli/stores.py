"""The store and the dataset that a command names."""

from __future__ import annotations

from configs.contracts import load_contract
from configs.errors import NoStoreError, UsageError
from configs.hints import command
from configs.settings import load_settings
from flows.prefect_setup.remarks import remark
from tasks.common.text import one_line
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout
from tasks.warehouse.existing import existing_store


def open_at(url: str | None) -> ObjectStore:
    """Return the store that the option or the setting names, which has to be there already.

    Raises:
        NoStoreError: there is none.
    """
    return existing_store(url or load_settings().store)


def open_to_write(url: str | None) -> ObjectStore:
    """Return the store that the option or the setting names, for a command that creates it where there is none."""
    return open_store(url or load_settings().store)


def open_if_any(url: str | None) -> ObjectStore:
    """Return the store for a command that also describes contracts, which a newcomer reads before the first publish.

    Where neither ``--store`` nor ``TECHTRADE_STORE`` names a store, and the default one is not there yet, it may be
    absent; a line says so. A store that was named has to be there.

    Raises:
        NoStoreError: the store that was named is not there.
    """
    settings = load_settings()
    try:
        return existing_store(url or settings.store)
    except NoStoreError as e:
        if (
            url
            or "store" in settings.model_fields_set
            or not isinstance(store := open_store(settings.store), LocalStore)
        ):
            raise
        if store.root.exists() and not store.root.is_dir():
            raise
        remark(one_line(e))
        return store


def split_target(target: str) -> tuple[str, str | None]:
    """``DATASET[@VERSION]``.

    Raises:
        UnknownDatasetError: no such dataset.
        UsageError: the version is not of the form YYYY-MM-DD.NNNN.
    """
    name, at, version = target.partition("@")
    load_contract(name)
    if at and not layout.VERSION.match(version):
        raise UsageError(
            f"{version!r} is not a version; versions look like 2026-01-31.0001, see: {command('versions', name)}"
        )
    return name, version if at else None
