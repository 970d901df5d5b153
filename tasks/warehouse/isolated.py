"""One damaged document is one damaged document: the rest is done, and each problem is a line in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from configs.errors import ConfigError, StoreAsAWholeError, StoreError, StoreUnavailableError
from tasks.common.text import one_line
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout


@contextmanager
def isolated(store: ObjectStore, problems: list[str], what: str) -> Iterator[None]:
    """Add the error that the block ends with to ``problems``, as a line that names ``what``.

    Raises:
        StoreAsAWholeError: nothing else can be done either.
        StoreUnavailableError: the same, if the catalog cannot be read now.
    """
    try:
        yield
    except StoreAsAWholeError:
        raise
    except (StoreError, ConfigError) as e:
        if isinstance(e, StoreUnavailableError):
            store.size(layout.CATALOG)
        told = one_line(e)
        problems.append(told if told.startswith(what) else f"{what}: {told}")
