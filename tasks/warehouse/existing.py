"""The store at an address, if a run ever wrote there."""

from __future__ import annotations

from configs.contracts import dataset_names, derived_names
from configs.errors import NoBucketError, NoStoreError
from configs.history_contract import base_of
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout


def existing_store(url: str) -> ObjectStore:
    """Return the store at an address for a command that reads, watches or changes what is there.

    A store is there if it has a catalog, or what a run leaves behind before there is one: the folder of a dataset, raw
    documents, alerts, the note of a schedule. Costs one request where there is a catalog.

    Raises:
        NoStoreError: there is none. An empty folder looks healthy to who only counts what is wrong in it.
        StoreError: the store could not be asked.
        ConfigError: as of ``open_store``.
    """
    store = open_store(url)
    if isinstance(store, LocalStore) and not store.root.is_dir():
        raise NoStoreError(store.url, "it is a file, not a folder" if store.root.exists() else "no such folder")
    try:
        if store.size(layout.CATALOG) is not None or any(map(_is_ours, store.folders(""))):
            return store
    except NoBucketError as e:
        raise NoStoreError(store.url, f"there is no bucket {e.bucket!r}") from e
    raise NoStoreError(store.url, f"it has no {layout.CATALOG}, and nothing was ever published into it")


def _is_ours(folder: str) -> bool:
    """Whether a run makes such a folder at the root of a store. No contract is read: one of them may be wrong."""
    return folder in layout.COMMON or (base_of(folder) or folder) in (*dataset_names(), *derived_names())
