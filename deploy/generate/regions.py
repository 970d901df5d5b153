"""A generated region in a file that people write, between two lines that name it.

The lines are comments of the file's language, as ``# BEGIN GENERATED: x`` or ``<!-- BEGIN GENERATED: x -->``.
"""

from __future__ import annotations

import re

from configs.errors import ConfigError


def replace_region(text: str, name: str, body: str, where: str) -> str:
    """Return the text with the body of that region replaced.

    Raises:
        ConfigError: the file has no such region, or more than one.
    """
    found = re.findall(rf"^.*BEGIN GENERATED: {name}\b.*\n[\s\S]*?^.*END GENERATED: {name}\b", text, re.MULTILINE)
    if len(found) != 1:
        raise ConfigError(f"{where}: needs exactly one region 'BEGIN GENERATED: {name}' to 'END GENERATED: {name}'")
    begin, end = found[0].splitlines()[0], found[0].splitlines()[-1]
    return text.replace(found[0], f"{begin}\n{body.rstrip()}\n{end}")
