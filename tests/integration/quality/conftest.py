"""Good figures for every test of the gate."""

from __future__ import annotations

from tests.support.gate import good_figures

__all__ = ["good_figures"]
