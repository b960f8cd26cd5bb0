"""Rule 3: the agent must be recent enough."""

import re

from componentize_py_types import Err
from wit_world.imports.types import AgentTooOld, Refusal_AgentTooOld, Situation

VERSION = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(-[^+]*)?(\+.*)?")


def check_agent(situation: Situation) -> None:
    """
    Refuses an agent below the deployment's minimum, by the precedence of semantic versioning 2.0.0. A version
    that is none counts as too old: nobody can tell what such an agent does.
    """
    agent, minimum = situation.device.agent_version, situation.deployment.minimum_agent_version
    if precedence(agent) < precedence(minimum):
        raise Err(Refusal_AgentTooOld(AgentTooOld(agent, minimum)))


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
