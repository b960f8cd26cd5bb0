//! The contract's words as sentences for people: one text for each, wherever it is shown.

use crate::{
    Characters, DeviceFailure, DeviceOutcome, Failure, Note, Outcome, PasswordFault, PasswordRule,
    Policy, PolicyState, Refusal, Remedy, Requirement, Status, Verdict, Wait, time::rfc3339,
};
use std::fmt::{Display, Formatter, Result};

fn time(time: u64) -> String {
    rfc3339(time).unwrap_or_else(|| "an unknown time".into())
}

/// The reason in the own words of an agent or plugin, or a placeholder if it is empty.
fn own_words(text: &str) -> &str {
    match text.trim() {
        "" => "for a reason of its own, which it does not tell",
        _ => text,
    }
}

impl Display for DeviceFailure {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::ExistingPassword => {
                f.write_str("the user has set a password, and the agent may not replace it")
            }
            Self::MayNotClear => f.write_str("the agent may not clear a password in this mode"),
            Self::NotSupported => {
                f.write_str("this Android version allows a device admin no password change")
            }
            Self::UserLocked => f.write_str("the user has not unlocked the device since it booted"),
            Self::TokenNotActive => f.write_str(
                "the user set a password before the reset token was active, and has not confirmed \
                 it since",
            ),
            Self::TokenInvalid => f.write_str("the device does not accept the agent's reset token"),
            Self::TokenUnsupported => f.write_str(
                "the device can't hold a reset token: it had a password before it was managed",
            ),
            Self::PolicyViolation => {
                f.write_str("another admin's policy forbids it, and the agent can't lift that")
            }
            Self::PasswordNotAccepted => f.write_str(
                "the device accepts no such password, whatever its policy: it is too short or too long",
            ),
            Self::OtherAdminEntryPending => {
                f.write_str("another admin's password waits for the user's entry")
            }
            Self::NoSecureLockScreen => f.write_str("the device has no secure lock screen"),
            Self::PasswordUnreadable => f.write_str("the agent could not open the sealed password"),
            Self::Other(text) => f.write_str(own_words(text)),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Device(failure) => failure.fmt(f),
            Self::Superseded(by) => write!(f, "command {by} replaced it"),
            Self::Cancelled => f.write_str("an admin cancelled it"),
            Self::Expired => f.write_str("it expired before the device carried it out"),
        }
    }
}

impl Display for DeviceOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Failed(failure) => ended(failure, f),
        }
    }
}

/// The end of a command without success. Only the device's own outcome is called a failure.
fn ended(failure: &Failure, f: &mut Formatter<'_>) -> Result {
    match failure {
        Failure::Cancelled => f.write_str("cancelled by an admin"),
        Failure::Expired => f.write_str("expired before the device carried it out"),
        Failure::Superseded(by) => write!(f, "superseded by command {by}"),
        Failure::Device(failure) => write!(f, "failed: {failure}"),
    }
}

impl Display for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Success => f.write_str("success"),
            Self::Failed(failure) => ended(failure, f),
        }
    }
}

impl Display for PasswordFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::TooShort(minimum) => write!(f, "it needs at least {minimum} characters"),
            Self::TooLong(maximum) => write!(f, "it may have at most {maximum} characters"),
            Self::NotOnlyDigits => f.write_str("only digits are allowed"),
            Self::NeedsLetter => f.write_str("it needs a letter"),
            Self::NeedsDigit => f.write_str("it needs a digit"),
            Self::Guessable => f.write_str("it is too easy to guess"),
            Self::Other(text) => f.write_str(own_words(text)),
        }
    }
}

impl Display for PasswordRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (least, most) = (self.minimum_length, self.maximum_length);
        match (self.characters, least == most) {
            (Characters::Digits, true) => write!(f, "exactly {least} digits"),
            (Characters::Digits, false) => write!(f, "{least} to {most} digits"),
            (Characters::Alphanumeric, true) => {
                write!(f, "exactly {least} characters, with a letter and a digit")
            }
            (Characters::Alphanumeric, false) => {
                write!(f, "{least} to {most} characters, with a letter and a digit")
            }
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::PasswordRefused(faults) => {
                f.write_str("the password is refused: ")?;
                for (number, fault) in faults.iter().enumerate() {
                    write!(f, "{}{fault}", if number == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::AgentTooOld(versions) => write!(
                f,
                "the device's agent is {}, and {} or later is needed: update the agent",
                versions.agent_version, versions.required_version
            ),
            Self::Conflict(pending) => write!(
                f,
                "command {pending} is pending: wait for its outcome, cancel it, or replace it"
            ),
            Self::NotPending(command) => {
                write!(
                    f,
                    "command {command} is not pending: look at the device's history"
                )
            }
            Self::NothingToRemove => f.write_str(
                "there is nothing to remove: no password was set from the dashboard, and no policy \
                 is applied",
            ),
            Self::NotExpired(command) => write!(f, "the time of command {command} is not over"),
            Self::BadValidity => f.write_str(
                "a command must be valid for at least a second, and not past the year 9999",
            ),
            Self::Other(text) => f.write_str(own_words(text)),
        }
    }
}

impl Display for Wait {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::DeviceOffline(last_sync) => {
                write!(f, "the device is offline since {}", time(*last_sync))
            }
            Self::UserMustUnlock => {
                f.write_str("the user must unlock the device once after its boot")
            }
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::WillSucceed => f.write_str("will succeed"),
            Self::WillWait(wait) => write!(f, "will wait: {wait}"),
            Self::WillFail(failure) => write!(f, "will fail: {failure}"),
            Self::WouldBeRefused(refusal) => write!(f, "would be refused: {refusal}"),
        }
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::BestEffort => f.write_str(
                "best effort: it works best on a device owner with Android 7.0 or later",
            ),
            Self::WorkProfileOnly => {
                f.write_str("the password of the work profile changes, not that of the device")
            }
            Self::OverridesPolicy => {
                f.write_str("the policy will not be enforced until the password is removed")
            }
            Self::PolicyEnforcedAgain => f.write_str(
                "the policy will be enforced again, and the user asked to set a password",
            ),
            Self::NoLockNow => f.write_str("lock-now can't be done here"),
            Self::NoRequireEntry => f.write_str("require-entry can't be done here"),
            Self::NoCredentialsOption => f.write_str("no-credentials-on-boot can't be done here"),
            Self::NoExpiry => f.write_str("the command can't be taken back once its time is over"),
            Self::OtherAdminPolicy(policy) => {
                write!(f, "another admin enforces a policy, too: {policy}")
            }
            Self::DeviceOffline(last_sync) => {
                write!(f, "the device is offline since {}", time(*last_sync))
            }
            Self::Other(text) => f.write_str(own_words(text)),
        }
    }
}

impl Remedy {
    /// The remedy as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::UserUnlocksOnce => "ask the user to unlock the device once",
            Self::UserRemovesPassword => "ask the user to remove the password on the device",
            Self::UserEntersOtherPassword => {
                "ask the user to enter the password that the other admin set"
            }
            Self::StrongerPassword => "choose a password that meets the other admin's policy",
            Self::OtherAdminLiftsPolicy => "have the other admin lift its policy first",
            Self::EnrollAgain => "enrol the device again as device owner, or in a work profile",
            Self::ProvisionToken => {
                "let the agent provision a new reset token; then the user must unlock the device \
                 once if a password is set"
            }
            Self::UpdateAgent => "update the agent",
            Self::ResolvePending => "wait for the pending command, cancel it, or replace it",
            Self::ConnectDevice => "switch the device on, and connect it to the network",
            Self::OtherPassword => "choose a password that the rule allows",
        }
    }
}

impl Display for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.requirement {
            Requirement::Quality(quality) => write!(f, "quality {quality}")?,
            Requirement::Complexity(complexity) => write!(f, "complexity {complexity}")?,
        }
        match self.minimum_length {
            0 => Ok(()),
            length => write!(f, ", minimum length {length}"),
        }
    }
}

impl Display for PolicyState {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Enforced => f.write_str("enforced"),
            Self::Overridden(by) => {
                write!(
                    f,
                    "overridden since {} by reset {}",
                    time(by.since),
                    by.command
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_device_made_of_a_command_is_called_a_failure() {
        let text = |failure| Status::Failed(failure).to_string();
        assert_eq!(text(Failure::Cancelled), "cancelled by an admin");
        assert_eq!(
            text(Failure::Superseded("a".into())),
            "superseded by command a"
        );
        assert!(text(Failure::Expired).starts_with("expired"));
        assert!(text(DeviceFailure::UserLocked.into()).starts_with("failed: "));
    }

    #[test]
    fn a_reason_without_words_is_shown_as_one() {
        for (shown, words) in [
            (Refusal::Other("  \n".into()).to_string(), ""),
            (DeviceFailure::Other(String::new()).to_string(), ""),
            (
                Refusal::Other("no resets on Sundays".into()).to_string(),
                "no resets on Sundays",
            ),
        ] {
            assert!(!shown.trim().is_empty() && shown.contains(words));
        }
    }
}
