//! Who is signed in: the one place that the pages know it from.
//!
//! A session is a random token in a cookie that no script can read and that no other site can have sent, kept
//! here as a digest. Every form carries a second token of its session: what is posted without it does nothing.

use super::{Dashboard, error::PageError};
use crate::token::{self, NoRandom, TokenDigest};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// How long a session lasts that nothing is done in.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// How long a session lasts.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// The sessions that are open. They end with the host.
pub(super) struct Sessions {
    is_secure: bool,
    open: Mutex<HashMap<TokenDigest, Session>>,
}

struct Session {
    form_token: Arc<str>,
    began: Instant,
    used: Instant,
}

/// The admin who asks for a page.
#[derive(Clone)]
pub(super) struct SignedIn {
    form_token: Arc<str>,
}

impl SignedIn {
    /// What each form has to carry along.
    pub(super) fn form_token(&self) -> &str {
        &self.form_token
    }
}

impl Sessions {
    pub(super) fn new(is_secure: bool) -> Self {
        Self {
            is_secure,
            open: Mutex::default(),
        }
    }

    /// Opens a session, and gives the cookie that it is known by.
    pub(super) fn open(&self) -> Result<HeaderValue, NoRandom> {
        let token = token::new_token("session")?;
        let now = Instant::now();
        let session = Session {
            form_token: token::new_token("form")?.as_str().into(),
            began: now,
            used: now,
        };
        let mut open = self.lock();
        open.retain(|_, session| session.lasts(now));
        open.insert(token::digest(&token), session);
        drop(open);
        Ok(self.cookie(&token, LONGEST.as_secs()))
    }

    /// Ends the session that a request comes with, and gives the cookie that takes its cookie back.
    pub(super) fn close(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(token) = self.token(headers) {
            self.lock().remove(&token);
        }
        self.cookie("", 0)
    }

    /// Who a request comes from.
    fn find(&self, headers: &HeaderMap) -> Option<SignedIn> {
        let token = self.token(headers)?;
        let now = Instant::now();
        let mut open = self.lock();
        let session = open.get_mut(&token).filter(|session| session.lasts(now))?;
        session.used = now;
        Some(SignedIn {
            form_token: Arc::clone(&session.form_token),
        })
    }

    fn token(&self, headers: &HeaderMap) -> Option<TokenDigest> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find(|(name, _)| *name == self.name())
            .map(|(_, token)| token::digest(token))
    }

    /// With TLS, a name that browsers take from this very host only.
    fn name(&self) -> &'static str {
        match self.is_secure {
            true => "__Host-mdm-session",
            false => "mdm-session",
        }
    }

    fn cookie(&self, token: &str, lasts: u64) -> HeaderValue {
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

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenDigest, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn lasts(&self, now: Instant) -> bool {
        now < self.used + IDLE && now < self.began + LONGEST
    }
}

impl FromRequestParts<Arc<Dashboard>> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(
        parts: &mut Parts,
        dashboard: &Arc<Dashboard>,
    ) -> Result<Self, PageError> {
        let found = dashboard.sessions.find(&parts.headers);
        found.ok_or_else(|| PageError::NotSignedIn(parts.uri.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookie: &HeaderValue) -> HeaderMap {
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())])
    }

    #[test]
    fn a_session_is_known_by_its_cookie_until_it_is_closed() {
        let sessions = Sessions::new(true);
        let cookie = sessions.open().unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"));
        assert!(text.contains("Secure") && text.starts_with("__Host-"));
        assert!(sessions.find(&sent(&cookie)).is_some());
        assert!(sessions.find(&HeaderMap::new()).is_none());
        let back = sessions.close(&sent(&cookie));
        assert!(back.to_str().unwrap().contains("Max-Age=0"));
        assert!(sessions.find(&sent(&cookie)).is_none());
    }

    #[test]
    fn a_session_ends_when_nothing_is_done_in_it_and_at_last_anyhow() {
        let began = Instant::now();
        let session = |used| Session {
            form_token: "".into(),
            began,
            used,
        };
        assert!(session(began).lasts(began + IDLE / 2));
        assert!(!session(began).lasts(began + IDLE));
        assert!(!session(began + LONGEST).lasts(began + LONGEST));
    }
}
