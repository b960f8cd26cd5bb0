//! The syntax of options of `serve`.

use mdm_contract::{AcceptedPasswords, Characters, PasswordRule};
use mdm_password_host::CanaryTerms;

/// When a new plugin is taken out again: `3/100`.
pub(super) fn canary_terms(text: &str) -> Result<CanaryTerms, String> {
    let parsed = text.split_once('/').and_then(|(failures, calls)| {
        Some(CanaryTerms {
            failures: failures.parse().ok()?,
            calls: calls.parse().ok()?,
        })
    });
    match parsed {
        Some(terms) if terms.failures == 0 || terms.failures > terms.calls => Err(format!(
            "no canary has {} failures of {} calls",
            terms.failures, terms.calls
        )),
        Some(terms) => Ok(terms),
        None => Err("a canary setting looks like 3/100: 3 failures of the first 100 calls".into()),
    }
}

/// Parses a password rule: `digits:4`.
pub(super) fn password_rule(text: &str) -> Result<PasswordRule, String> {
    let parsed = text.split_once(':').and_then(|(characters, lengths)| {
        let (least, most) = lengths.split_once('-').unwrap_or((lengths, lengths));
        Some(PasswordRule {
            characters: characters.parse::<Characters>().ok()?,
            minimum_length: least.parse().ok()?,
            maximum_length: most.parse().ok()?,
        })
    });
    let accepted = AcceptedPasswords::ANDROID;
    match parsed {
        Some(rule) if rule.minimum_length == 0 || rule.minimum_length > rule.maximum_length => {
            Err(format!(
                "no password has {} to {} characters",
                rule.minimum_length, rule.maximum_length
            ))
        }
        Some(rule)
            if !(accepted.minimum_length..=accepted.maximum_length)
                .contains(&rule.minimum_length)
                || rule.maximum_length > accepted.maximum_length =>
        {
            Err(format!(
                "Android accepts passwords of {} to {} characters",
                accepted.minimum_length, accepted.maximum_length
            ))
        }
        Some(rule) => Ok(rule),
        None => Err("a rule looks like digits:4, digits:6-12 or alphanumeric:8-16".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_written_as_failures_of_calls() {
        assert_eq!(canary_terms("3/100"), Ok(CanaryTerms::default()));
        for bad in ["", "3", "0/5", "6/5", "a/b"] {
            assert!(canary_terms(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_rule_is_written_in_one_word() {
        assert_eq!(password_rule("digits:4"), Ok(PasswordRule::default()));
        let rule = password_rule("alphanumeric:8-16").unwrap();
        assert_eq!(
            rule.to_string(),
            "8 to 16 characters, with a letter and a digit"
        );
        for bad in [
            "",
            "digits",
            "digits:",
            "digits:0",
            "digits:8-4",
            "digits:4-17",
            "digits:3",
            "digits:3-8",
            "letters:4",
        ] {
            assert!(password_rule(bad).is_err(), "{bad}");
        }
    }
}
