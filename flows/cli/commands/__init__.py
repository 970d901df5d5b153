"""The commands as they are declared: what each takes, says of itself and runs. Light, so that help answers at once."""

from __future__ import annotations

from flows.cli.commands.develop import DEVELOPING
from flows.cli.commands.operate import DEPLOYING, OPERATING
from flows.cli.commands.publish import PUBLISHING
from flows.cli.commands.read import INSPECTING, READING

TOPICS = (PUBLISHING, READING, INSPECTING, OPERATING, DEPLOYING, DEVELOPING)
