"""The commands for who works on the product in a checkout."""

from __future__ import annotations

from click import Argument, Option

from flows.cli.lazy import LazyCommand, Topic

NEW_DATASET = LazyCommand(
    "flows.cli.new_dataset:new_dataset",
    "Lay out the files of a new dataset in a checkout.",
    Argument(["name"]),
    Option(
        ["--series"],
        multiple=True,
        metavar="NAME=CODE",
        help="Series of the World Bank in US dollars, and its name here.",
    ),
    Option(["--source"], default="world_bank", show_default=True, metavar="SOURCE", help="Source of the figures."),
    name="new-dataset",
    example="techtrade new-dataset ict_services_annual --series ict_exports=BX.GSR.CCIS.CD",
)

DEVELOPING = Topic("Develop", NEW_DATASET.example, (NEW_DATASET,))
