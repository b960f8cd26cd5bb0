// Rule 3: the agent must be recent enough.

/**
 * Refuses an agent below the deployment's minimum version, by the precedence of semantic versioning 2.0.0. A
 * version that is none counts as too old: nobody can tell what such an agent does.
 */
export function checkAgent({ device: { agentVersion }, deployment: { minimumAgentVersion } }) {
  if (!isRecentEnough(agentVersion, minimumAgentVersion)) {
    throw { tag: "agent-too-old", val: { agentVersion, requiredVersion: minimumAgentVersion } };
  }
}

function isRecentEnough(agentVersion, minimum) {
  const version = parse(agentVersion);
  if (!version) {
    return false;
  }
  const required = parse(minimum);
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
