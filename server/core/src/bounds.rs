//! Limits of input. The code checks them, and the API document states them. Lengths are in characters (Unicode scalar
//! values), as in JSON Schema.

use mdm_terminal::escape::is_hidden;
use std::ops::RangeInclusive;

/// Input is out of bounds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutOfBounds(pub String);

const DAY: u64 = 24 * 3600;

/// Maximum page size of a list.
pub const MAX_PAGE: u32 = 500;

/// Maximum length of a device's name.
pub const MAX_DEVICE_NAME: usize = 100;

/// Maximum length of a group's name.
pub const MAX_GROUP_NAME: usize = 64;

/// Limit of groups per device. Every call about the device reads them.
pub const MAX_DEVICE_GROUPS: usize = 32;

/// Limit of groups in the scope of a user, a token or a webhook.
pub const MAX_SCOPE_GROUPS: usize = 100;

/// Pattern of users' and tokens' names. ASCII only, so that no two look alike.
pub const NAME_PATTERN: &str = "^[a-z0-9._@-]{1,64}$";

/// Maximum length of a reason in the audit trail.
pub const MAX_REASON: usize = 500;

/// Maximum length of a webhook's URL.
pub const MAX_URL: usize = 2048;

/// Validity of an enrollment token, in seconds.
pub const ENROLLMENT_VALIDITY: RangeInclusive<u64> = 1..=365 * DAY;

/// Validity of a token, in seconds.
pub const TOKEN_VALIDITY: RangeInclusive<u64> = 1..=3650 * DAY;

/// Validity of a command, in seconds. Plugins may allow less.
pub const COMMAND_VALIDITY: RangeInclusive<u64> = 1..=3650 * DAY;

/// Checks the number of a line of the audit trail: both stores count up to `i64::MAX`.
pub fn check_line(number: Option<u64>) -> Result<(), OutOfBounds> {
    match number.is_none_or(|number| i64::try_from(number).is_ok()) {
        true => Ok(()),
        false => Err(OutOfBounds(format!(
            "no line has a number beyond {}",
            i64::MAX
        ))),
    }
}

/// Checks a group's name. Hidden characters are not allowed, because two groups could look the same.
pub fn check_group(group: &str) -> Result<(), OutOfBounds> {
    match is_length(group, MAX_GROUP_NAME) && !group.contains(is_hidden) {
        true => Ok(()),
        false => Err(OutOfBounds(format!(
            "`{group}` is no group: a group's name has 1 to {MAX_GROUP_NAME} characters, and none that is hidden, such \
             as a line feed or a zero-width space"
        ))),
    }
}

/// The page size; `usual` if the caller names none.
pub fn page_size(limit: Option<u32>, usual: u32) -> Result<u32, OutOfBounds> {
    match limit.unwrap_or(usual) {
        size @ 1..=MAX_PAGE => Ok(size),
        size => Err(OutOfBounds(format!(
            "a page has 1 to {MAX_PAGE} entries, and not {size}: ask for a `limit` within that"
        ))),
    }
}

/// Checks the device name from an agent. It is untrusted input, which is escaped for display.
pub fn check_device_name(name: &str) -> Result<(), OutOfBounds> {
    match is_length(name, MAX_DEVICE_NAME) && !name.trim().is_empty() && !name.contains('\0') {
        true => Ok(()),
        false => Err(OutOfBounds(format!(
            "a device's name has 1 to {MAX_DEVICE_NAME} characters, and no NUL"
        ))),
    }
}

/// Returns `true` if a text has 1 to `limit` characters.
fn is_length(text: &str, limit: usize) -> bool {
    !text.is_empty() && !is_longer(text, limit)
}

/// Returns `true` if a text has more than `limit` characters.
pub fn is_longer(text: &str, limit: usize) -> bool {
    text.chars().nth(limit).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_by_what_can_be_seen() {
        for good in ["sales", "Vertrieb Süd", "営業", &"é".repeat(64)] {
            assert!(check_group(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "sa\u{200b}les",
            "a\nb",
            "a\u{202e}b",
            "\u{e0041}a",
            &"é".repeat(65),
        ] {
            assert!(check_group(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_device_is_named_by_1_to_100_characters() {
        assert!(check_device_name(&"é".repeat(100)).is_ok());
        assert!(check_device_name("a\nb").is_ok(), "it is escaped instead");
        for bad in ["", " ", "a\0b", &"é".repeat(101)] {
            assert!(check_device_name(bad).is_err(), "{bad:?}");
        }
    }
}
