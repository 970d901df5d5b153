"""Texts for a person: lines, lengths of time, sizes, figures. One way to write each."""

from __future__ import annotations

from configs.words import visible


def one_line(told: object) -> str:
    """Return a text, or the message of an error, without line breaks and without what would act on a terminal."""
    return visible(" ".join(str(told).split()))
