//! Who is signed in: the one place that the pages know it from.
//!
//! A session is a random token in a cookie that no script can read and that no other site can have sent. Every form
//! carries a second token, made from the first: what is posted without it does nothing.

use super::{Dashboard, error::PageError};
use crate::api::auth::{address, admit};
use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, HeaderValue, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use mdm_server_core::{
    access::{Caller, Permission},
    store::{RestoreState, User},
    token::{self, TokenDigest},
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// How long a browser keeps the cookie, in seconds. The session may end before.
const LASTS: u64 = 12 * 3600;

/// How a browser is told which session is its own.
#[derive(Clone, Copy)]
pub(super) struct Cookies {
    /// Whether it comes by TLS.
    pub(super) is_secure: bool,
}

/// Somebody who is signed in and asks for a page that they may see.
#[derive(Clone)]
pub(super) struct SignedIn {
    /// Who it is.
    pub(super) user: User,
    /// What they may do.
    pub(super) caller: Caller,
    /// A restore of the store that somebody has to decide about.
    pub(super) undecided_restore: Option<RestoreState>,
    form_token: String,
    /// Their session.
    session: TokenDigest,
}

impl SignedIn {
    /// The caller as they are at this moment, for an answer that goes on after its request. None: the session is over,
    /// or the user may not see the route any more.
    pub(super) async fn still(&self, dashboard: &Dashboard, route: &Extensions) -> Option<Caller> {
        let user = dashboard.service.session_user(self.session).await;
        let caller = dashboard
            .service
            .user_as_caller(&user.ok()??, self.caller.address);
        admit(&caller, route).ok()?;
        Some(caller)
    }

    /// What each form has to carry along.
    pub(super) fn form_token(&self) -> &str {
        &self.form_token
    }

    /// Whether they may do this.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.caller.may(permission)
    }
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

/// The token of a session's forms. Nobody can tell the session's own token from it.
fn form_token(token: &str) -> String {
    let digest: TokenDigest = token::digest(&format!("form of {token}"));
    BASE64.encode(digest)
}

impl FromRequestParts<Arc<Dashboard>> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(
        parts: &mut Parts,
        dashboard: &Arc<Dashboard>,
    ) -> Result<Self, PageError> {
        let not_signed_in = || PageError::NotSignedIn(parts.uri.clone());
        let token = dashboard.cookies.token(&parts.headers);
        let token = token.ok_or_else(not_signed_in)?;
        let session = token::digest(&token);
        let user = dashboard.service.session(session).await?;
        let user = user.ok_or_else(not_signed_in)?;
        let address = address(&parts.extensions);
        let caller = dashboard.service.user_as_caller(&user, address);
        admit(&caller, &parts.extensions)?;
        Ok(Self {
            user,
            caller,
            undecided_restore: dashboard.service.undecided_restore(),
            form_token: form_token(&token),
            session,
        })
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

    #[test]
    fn a_form_token_belongs_to_one_session() {
        assert_eq!(form_token("a"), form_token("a"));
        assert_ne!(form_token("a"), form_token("b"));
    }
}
