//! The session cookie: a random token that no script can read and that no other site can send.

use axum::http::{HeaderMap, HeaderValue, header};
use zeroize::Zeroizing;

/// The lifetime of the cookie, in seconds. The session may end earlier.
const LASTS: u64 = 12 * 3600;

/// The attributes of the session cookie.
#[derive(Clone, Copy)]
pub(super) struct Cookies {
    /// Browsers connect by TLS: the cookie is `Secure`.
    pub(super) is_secure: bool,
}

impl Cookies {
    /// The cookie of a session.
    pub(super) fn open(self, token: &str) -> HeaderValue {
        self.cookie(token, LASTS)
    }

    /// The cookie that takes it back.
    pub(super) fn close(self) -> HeaderValue {
        self.cookie("", 0)
    }

    /// The token of the session that a request comes with.
    pub(super) fn token(self, headers: &HeaderMap) -> Option<Zeroizing<String>> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find(|(name, _)| *name == self.name())
            .map(|(_, token)| Zeroizing::new(token.to_owned()))
    }

    /// With TLS, a name that browsers take from this very host only.
    fn name(self) -> &'static str {
        match self.is_secure {
            true => "__Host-mdm-session",
            false => "mdm-session",
        }
    }

    fn cookie(self, token: &str, lasts: u64) -> HeaderValue {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let cookie = Zeroizing::new(format!(
            "{}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={lasts}{secure}",
            self.name()
        ));
        // It is made of letters, digits and signs, all of which a header may have.
        let mut value = HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_by_its_cookie() {
        let cookies = Cookies { is_secure: true };
        let cookie = cookies.open("abc");
        let text = cookie.to_str().unwrap();
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"));
        assert!(text.contains("Secure") && text.starts_with("__Host-"));
        let sent = text.split(';').next().unwrap();
        let headers = HeaderMap::from_iter([(header::COOKIE, sent.parse().unwrap())]);
        assert_eq!(cookies.token(&headers).unwrap().as_str(), "abc");
        assert!(cookies.token(&HeaderMap::new()).is_none());
        assert!(cookies.close().to_str().unwrap().contains("Max-Age=0"));
    }
}
