"""Members of the Census Bureau's groups of partners, by ISO 3166-1 alpha-3.

``EXACT`` was measured on the publisher's own rows of 2013 to 2024: members add up to the group, to the dollar. Of the
others the treaties are known, and not what the publisher does between two of them (it counts Croatia into the European
Union in all months, and the United Kingdom until the end of 2017): ``core`` are in throughout, ``possible`` at times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_EU = (
    "AUT BEL BGR HRV CYP CZE DNK EST FIN FRA DEU GRC HUN IRL ITA LVA LTU LUX MLT NLD POL PRT ROU SVK SVN ESP SWE"
)  # fmt: skip
_EURO = "AUT BEL CYP FIN FRA DEU GRC IRL ITA LUX MLT NLD PRT SVK SVN ESP"
_LAFTA = "ARG BOL BRA CHL COL ECU MEX PRY PER URY VEN"
_CACM = "CRI SLV GTM HND NIC"
_ASEAN = "BRN KHM IDN LAO MYS MMR PHL SGP THA VNM"


@dataclass(frozen=True)
class ExactGroup:
    """``until``: members that left, by the last month in which they are counted."""

    members: tuple[str, ...]
    until: tuple[tuple[str, date], ...] = ()


@dataclass(frozen=True)
class LooseGroup:
    """``core``: members throughout; ``possible``: those that joined, or left, at some time since 2010."""

    core: tuple[str, ...]
    possible: tuple[str, ...] = ()


def _loose(core: str, possible: str = "") -> LooseGroup:
    return LooseGroup(tuple(core.split()), tuple(possible.split()))


EXACT = {
    "0003": ExactGroup(tuple(_EU.split()), (("GBR", date(2017, 12, 1)),)),
    "0020": ExactGroup(("CAN", "MEX")),
}
LOOSE = {
    "0001": _loose("DZA IRN IRQ KWT LBY NGA QAT SAU ARE VEN", "AGO COG ECU GAB GNQ IDN"),
    "0014": _loose("AUS BRN CHN HKG IDN JPN KOR MAC MYS NZL PNG PHL SGP TWN"),
    "0017": _loose(f"{_CACM} DOM"),
    "0021": _loose(f"{_LAFTA} {_CACM} CUB DOM HTI PAN"),
    "0022": _loose(
        "AUS AUT BEL CAN CZE DNK FIN FRA DEU GRC HUN ISL IRL ITA JPN KOR LUX MEX NLD NZL NOR POL PRT SVK ESP SWE CHE "
        "TUR GBR",
        "CHL COL CRI EST ISR LVA LTU SVN",
    ),
    "0023": _loose(
        "ALB BEL BGR CAN HRV CZE DNK EST FRA DEU GRC HUN ISL ITA LVA LTU LUX NLD NOR POL PRT ROU SVK SVN ESP TUR GBR",
        "FIN MKD MNE SWE",
    ),
    "0024": _loose(_LAFTA, "CUB PAN"),
    "0025": _loose(_EURO, "BGR EST HRV LVA LTU"),
    "0026": _loose("AUS BRN CAN CHL CHN HKG IDN JPN KOR MYS MEX NZL PNG PER PHL RUS SGP TWN THA VNM"),
    "0027": _loose(_ASEAN, "TLS"),
    "0028": _loose(_CACM),
}
