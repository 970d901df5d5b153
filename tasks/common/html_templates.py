"""Jinja environments of the pages: values are escaped, and a name that a template lacks is an error."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from configs.words import visible


def shown(value: object) -> object:
    """Return a value of a template with what would act on a reader's direction or parser shown as text."""
    if isinstance(value, Markup):
        return Markup(visible(str(value)))
    return visible(value) if isinstance(value, str) else value


def html_environment(folder: Path) -> Environment:
    """Return an environment for the templates of HTML pages in ``folder``."""
    return Environment(
        finalize=shown,
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
