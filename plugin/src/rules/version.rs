//! Rule 3: the agent must be recent enough.

use super::types::{AgentTooOld, Refusal};

/// Refuses an agent below the minimum version, by the precedence of semantic versioning 2.0.0. A text that is not a
/// version counts as too old. The minimum has no pre-release.
pub fn check_agent(version: &str, minimum: &str) -> Result<(), Refusal> {
    if precedence(version) >= precedence(minimum) {
        return Ok(());
    }
    Err(Refusal::AgentTooOld(AgentTooOld {
        agent_version: version.to_owned(),
        required_version: minimum.to_owned(),
    }))
}

/// Major, minor, patch, and `true` for a release: `6.9.0-rc.1` comes before `6.9.0`. Pre-releases of one version are
/// equal here.
fn precedence(version: &str) -> Option<([u32; 3], bool)> {
    let (version, _build) = version.split_once('+').unwrap_or((version, ""));
    let (numbers, is_release) = match version.split_once('-') {
        Some((numbers, _)) => (numbers, false),
        None => (version, true),
    };
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    let triple = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some((triple, is_release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_3_an_agent_of_the_minimum_version_or_later_will_do() {
        for version in [
            "6.9.0",
            "6.9.1",
            "6.10.0",
            "7.0.0",
            "10.0.0",
            "6.9.0+build.7",
            "7.0.0-rc.1",
        ] {
            assert_eq!(check_agent(version, "6.9.0"), Ok(()), "{version}");
        }
    }

    #[test]
    fn rule_3_an_older_agent_is_refused_and_both_versions_are_named() {
        for version in [
            "6.8.9",
            "5.99.99",
            "0.0.0",
            "6.9.0-rc.1",
            "6.9",
            "",
            "six",
            "6.9.0.1",
        ] {
            assert_eq!(
                check_agent(version, "6.9.0"),
                Err(Refusal::AgentTooOld(AgentTooOld {
                    agent_version: version.to_owned(),
                    required_version: "6.9.0".to_owned(),
                })),
                "{version}"
            );
        }
    }

    #[test]
    fn rule_3_the_minimum_is_the_deployments() {
        assert_eq!(check_agent("2.5.3", "2.5.3"), Ok(()));
        assert!(check_agent("6.9.0", "6.10.0").is_err());
    }
}
