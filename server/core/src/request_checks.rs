//! Common checks of requests.

use crate::{
    access::DeviceScope,
    bounds::{COMMAND_VALIDITY, MAX_REASON, MAX_SCOPE_GROUPS, check_group, is_longer},
    error::ServerError,
};
use mdm_contract::Refusal;
use mdm_password_host::password::Password;

/// Limits the validity of a command, beside the plugin's own limit.
pub(crate) fn check_validity(valid_for: Option<u64>) -> Result<(), ServerError> {
    match valid_for.is_none_or(|seconds| COMMAND_VALIDITY.contains(&seconds)) {
        true => Ok(()),
        false => Err(ServerError::Refused(Refusal::BadValidity)),
    }
}

/// Checks a reason for the audit trail, which must never contain a password.
pub(crate) fn check_reason(
    reason: Option<&str>,
    password: Option<&Password>,
) -> Result<(), ServerError> {
    let reason = reason.unwrap_or_default();
    if is_longer(reason, MAX_REASON) {
        return Err(ServerError::BadReason(
            "it is too long: 500 characters are kept",
        ));
    }
    if reason.contains('\0') {
        return Err(ServerError::BadReason("the character NUL is in it"));
    }
    let is_in_it = |password: &Password| {
        let password = password.expose();
        !password.is_empty() && reason.contains(password)
    };
    match password.is_some_and(is_in_it) {
        true => Err(ServerError::BadReason(
            "the password is in it, and the audit trail must not know it",
        )),
        false => Ok(()),
    }
}

/// Checks a name. The characters are restricted, so that no two names look alike.
pub(crate) fn check_name(name: &str) -> Result<(), ServerError> {
    let is_word = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || ".-_@".contains(it);
    match (1..=64).contains(&name.len()) && name.chars().all(is_word) {
        true => Ok(()),
        false => Err(ServerError::BadName(name.to_owned())),
    }
}

pub(crate) fn check_scope(scope: &DeviceScope) -> Result<(), ServerError> {
    let Some(groups) = &scope.0 else {
        return Ok(());
    };
    groups.iter().try_for_each(|group| check_group(group))?;
    match (1..=MAX_SCOPE_GROUPS).contains(&groups.len()) {
        true => Ok(()),
        false => Err(ServerError::BadRequest(format!(
            "name 1 to {MAX_SCOPE_GROUPS} groups, or say that it is all devices"
        ))),
    }
}
