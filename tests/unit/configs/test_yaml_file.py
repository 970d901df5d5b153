"""Reading YAML files: what is wrong is said by file and field, and never by value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from configs import yaml_file
from configs.errors import ConfigError


class Settings(BaseModel):
    attempts: int = 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("attempts: s3cret", "x.yaml: attempts: Input should be a valid integer"),
        ("attempts: 1\nother: [s3cret", "x.yaml: not YAML, line 2"),
        ("attempts: *s3cret", "x.yaml: not YAML, line 1"),
        ("", "x.yaml: Input should be a valid dictionary"),
        (None, "x.yaml cannot be read: No such file or directory"),
    ],
)
def test_error_names_file_and_field_without_the_value(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "x.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as e:
        yaml_file.load(Settings, path)
    assert told in str(e.value) and "s3cret" not in f"{e.value} {e.value.__cause__}"


def test_empty_file_can_have_a_meaning(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("# nothing yet\n")
    assert yaml_file.load(Settings, tmp_path / "x.yaml", empty={}).attempts == 1


def test_file_of_the_checkout_is_named_from_there() -> None:
    with pytest.raises(ConfigError, match=r"^configs/none\.yaml cannot be read"):
        yaml_file.load(Settings, yaml_file.ROOT / "configs" / "none.yaml")
