"""Rule 3: the agent must be recent enough."""

import re

from componentize_py_types import Err
from wit_world.imports.types import AgentTooOld, Refusal_AgentTooOld

# The lowest version of the agent that carries out the feature's commands.
REQUIRED_VERSION = "6.9.0"

VERSION = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(-[^+]*)?(\+.*)?")


def check_agent(agent_version: str) -> None:
    """
    Refuses an agent below the required version, by the precedence of semantic versioning 2.0.0. A version
    that is none counts as too old: nobody can tell what such an agent does.
    """
    if precedence(agent_version) < precedence(REQUIRED_VERSION):
        raise Err(Refusal_AgentTooOld(AgentTooOld(agent_version, REQUIRED_VERSION)))


def precedence(version: str) -> tuple[int, ...]:
    """
    Major, minor, patch, and whether it is a release: `6.9.0-rc.1` comes before `6.9.0`. No two
    pre-releases need to be told apart here.
    """
    found = VERSION.fullmatch(version)
    if not found:
        return ()
    major, minor, patch, pre_release, _ = found.groups()
    return int(major), int(minor), int(patch), pre_release is None
