"""Where keys come from: the environment, else a Secret block in Prefect, looked up when a key is used.

So a key that is changed in the block is used by the next run, without a new deployment or a restart. A block is named
after the variable: ``CENSUS_API_KEY`` is in ``techtrade-census-api-key``. It is asked for only where a Prefect server
is configured. A value that was read stays in memory for one thing: to blank it in what is said.
"""

from __future__ import annotations

from typing import Any

from configs.errors import KeyStoreError
from configs.settings import from_environment, key_variables, secret_block
from flows.runtime import prepare
from tasks.extract.secrets import Scrubber, without_named_secrets

_read: set[str] = set()


def look_up(variable: str) -> str | None:
    """The value of a variable, or of the block that stands in for it; None where there is neither.

    Raises:
        KeyStoreError: the Prefect server that is configured could not be asked.
    """
    return from_environment(variable) or _from_block(variable)


def _from_block(variable: str) -> str | None:
    prepare()
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        return None
    from prefect.blocks.system import Secret
    from prefect.exceptions import ObjectNotFound

    name = secret_block(variable)
    try:
        secret: Any = Secret.load(name)
        value = str(secret.get()).strip()
    except Exception as e:  # noqa: BLE001 - whatever Prefect's client has
        # A block that is not there is a ValueError, with the server's answer as its cause.
        if isinstance(e.__cause__, ObjectNotFound):
            return None
        # Its text may hold anything.
        raise KeyStoreError(variable, name, type(e).__name__) from None
    if value:
        _read.add(value)
    return value or None


def blanked(text: str) -> str:
    """The text without any key that is set or was read: nobody knows what stands in an error that nobody foresaw."""
    known = [value for variable in key_variables() if (value := from_environment(variable))]
    return without_named_secrets(Scrubber([*known, *_read]).text(text))
