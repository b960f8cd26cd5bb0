//! Rules of users' passwords, and one-time passwords (RFC 6238), whose secrets are sealed by the server's key.

use crate::{error::ServerError, keys::HostKeys, sealed};
use mdm_contract::time;
use mdm_password_host::password::Password;
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

/// Minimum length of a user's password, in characters.
const MIN_LENGTH: usize = 12;

/// Maximum length, in bytes.
const MAX_LENGTH: usize = 256;

/// Minimum score of a password, from 0 (easily guessed) to 4 (very hard to guess).
const MIN_SCORE: u8 = 3;

/// The length of a new secret, in bytes (RFC 4226 recommends 20).
const TOTP_SECRET: usize = 20;

/// Issuer that authenticator apps show.
const ISSUER: &str = "Lock screens";

/// Errors if a password is too easy to guess.
pub(super) fn check_password(password: &Password) -> Result<(), ServerError> {
    let text = password.expose();
    let fault = match text.chars().count() {
        0..MIN_LENGTH => "it is too short: use 12 characters or more, several words for instance",
        _ if text.len() > MAX_LENGTH => "it is too long: 256 bytes are enough",
        _ if password.guessability() < MIN_SCORE => {
            "it is easily guessed: use several words that don't belong together"
        }
        _ => return Ok(()),
    };
    Err(ServerError::BadPassword(fault))
}

/// Makes a random secret for one-time passwords.
pub(super) fn new_totp() -> Result<Zeroizing<Vec<u8>>, ServerError> {
    let mut secret = Zeroizing::new(vec![0; TOTP_SECRET]);
    getrandom::fill(&mut secret).map_err(|error| ServerError::Credentials(error.to_string()))?;
    Ok(secret)
}

/// The `otpauth://totp/…` URL for authenticator apps.
pub(super) fn totp_url(user: &str, secret: &[u8]) -> Result<Zeroizing<String>, ServerError> {
    let url = totp(user, secret)?.to_url();
    url.map(Zeroizing::new)
        .map_err(|error| ServerError::Credentials(error.to_string()))
}

/// The time step of a valid one-time password. Returns `None` if it is wrong.
pub(super) fn check_totp(
    user: &str,
    secret: &[u8],
    code: &str,
) -> Result<Option<u64>, ServerError> {
    let code: String = code.chars().filter(|it| !it.is_whitespace()).collect();
    Ok(totp(user, secret)?.check(&code, time::now() / 1000))
}

fn totp(user: &str, secret: &[u8]) -> Result<Totp, ServerError> {
    Builder::new()
        .with_secret(secret.to_vec())
        .with_account_name(user)
        .with_issuer(Some(ISSUER))
        .build()
        .map_err(|error| ServerError::Credentials(error.to_string()))
}

/// Seals a secret for this user only.
pub(super) fn seal_totp(
    keys: &HostKeys,
    user: &str,
    secret: &[u8],
) -> Result<Vec<u8>, ServerError> {
    Ok(sealed::seal(&keys.totp_key(), user, secret)?)
}

/// Opens a secret that was sealed for this user.
pub(super) fn open_totp(
    keys: &HostKeys,
    user: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ServerError> {
    Ok(sealed::open(&keys.totp_key(), user, sealed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_others_would_guess_is_refused() {
        let check = |text: &str| check_password(&Password::new(Zeroizing::new(text.into())));
        for bad in [
            "short",
            "passwordpassword",
            "123456789012",
            &"a long one ".repeat(50),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check("tulip-anvil-rainy-42").is_ok());
    }

    #[test]
    fn a_secret_of_one_time_passwords_opens_for_its_user_on_its_host_only() {
        let keys = |byte| HostKeys::new(Zeroizing::new([byte; 32])).unwrap();
        let secret = new_totp().unwrap();
        let sealed = seal_totp(&keys(1), "alice", &secret).unwrap();
        assert!(
            !sealed
                .windows(secret.len())
                .any(|it| it == secret.as_slice())
        );
        assert_eq!(open_totp(&keys(1), "alice", &sealed).unwrap(), secret);
        assert!(open_totp(&keys(1), "bob", &sealed).is_err());
        assert!(open_totp(&keys(2), "alice", &sealed).is_err());
        assert!(open_totp(&keys(1), "alice", &[1, 2]).is_err());
    }

    #[test]
    fn a_one_time_password_is_that_of_now() {
        let secret = new_totp().unwrap();
        let now = time::now() / 1000;
        let code = totp("alice", &secret).unwrap().generate(now).to_string();
        assert!(check_totp("alice", &secret, &code).unwrap().is_some());
        let old = totp("alice", &secret).unwrap().generate(now - 300);
        assert_eq!(
            check_totp("alice", &secret, &old.to_string()).unwrap(),
            None
        );
        let url = totp_url("alice", &secret).unwrap();
        assert!(
            url.starts_with("otpauth://totp/Lock%20screens:alice?"),
            "{}",
            *url
        );
    }
}
