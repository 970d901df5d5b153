"""Which addresses are stores."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from configs.errors import ConfigError
from tasks.storage.local import LocalStore
from tasks.storage.open import open_store


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "file://localhost{path}"])
def test_a_folder_is_a_store_and_is_not_made_by_opening_it(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a store"
    store = open_store(form.format(path=path))
    assert isinstance(store, LocalStore)
    assert store.root == path
    assert not path.exists()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("gs://bucket/x", "conditional writes"),
        ("https://example.org/x", "conditional writes"),
        ("file://relative/path", "whole path"),
        ("", "empty"),
        ("s3://", "no bucket"),
        ("s3://key:secret@bucket/x", "does not belong"),
        ("s3://bucket/x?sig=key:secret", "query"),
        ("file://key:secret@host/x", "does not belong"),
        ("s3://[key:secret", "address of the store"),
    ],
)
def test_other_addresses_are_refused_with_the_reason_and_without_secrets(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        open_store(url)
    assert "key:secret" not in str(error.value)


def test_s3fs_is_imported_only_for_s3() -> None:
    code = "import sys; from tasks.storage.open import open_store; open_store('x'); sys.exit('s3fs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("url", ["a\nforged: all is well", "a\x1b]0;pwned\x07", "s3://bucket/a\r", "a\u202ed"])
def test_an_address_that_would_act_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="cannot be shown"):
        open_store(url)
