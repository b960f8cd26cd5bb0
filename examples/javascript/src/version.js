// Rule 3: the agent must be recent enough.

/** The lowest version of the agent that carries out the feature's commands. */
const REQUIRED_VERSION = "6.9.0";

/**
 * Refuses an agent below the required version, by the precedence of semantic versioning 2.0.0. A
 * version that is none counts as too old: nobody can tell what such an agent does.
 */
export function checkAgent(agentVersion) {
  if (!isRecentEnough(agentVersion)) {
    throw { tag: "agent-too-old", val: { agentVersion, requiredVersion: REQUIRED_VERSION } };
  }
}

function isRecentEnough(agentVersion) {
  const version = parse(agentVersion);
  if (!version) {
    return false;
  }
  const required = parse(REQUIRED_VERSION);
  const differing = version.numbers.findIndex((number, index) => number !== required.numbers[index]);
  return differing < 0 ? version.isRelease : version.numbers[differing] > required.numbers[differing];
}

/**
 * Major, minor, patch, and whether it is a release: `6.9.0-rc.1` comes before `6.9.0`. No two
 * pre-releases need to be told apart here.
 */
function parse(version) {
  const match = /^(\d+)\.(\d+)\.(\d+)(-[^+]*)?(\+.*)?$/.exec(version);
  return match && { numbers: match.slice(1, 4).map(Number), isRelease: match[4] === undefined };
}
