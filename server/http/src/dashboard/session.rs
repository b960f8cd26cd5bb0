//! The session of the signed-in user.
//!
//! A session is a random token in a cookie that no script can read and that no other site can have sent. Every form
//! carries a second token, made from the first: what is posted without it does nothing.

use super::{error::PageError, state::Dashboard};
use crate::api::auth::{address, authorize};
use axum::{
    extract::FromRequestParts,
    http::{Extensions, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use mdm_server_core::{
    access::{Caller, Permission},
    store::{RestoreState, User},
    token::{self, TokenDigest},
};
use std::sync::Arc;

/// A signed-in user with the permission for the requested page.
#[derive(Clone)]
pub(super) struct SignedIn {
    /// The user.
    pub(super) user: User,
    /// The caller, with its permissions and its device scope.
    pub(super) caller: Caller,
    /// A restore of the store that needs a decision.
    pub(super) undecided_restore: Option<RestoreState>,
    form_token: String,
    /// Their session.
    session: TokenDigest,
}

impl SignedIn {
    /// The caller with current permissions, for a response that continues after its request. `None` if the session
    /// ended or the user lost the permission for the route.
    pub(super) async fn still(&self, dashboard: &Dashboard, route: &Extensions) -> Option<Caller> {
        let user = dashboard.server.identity.session_user(self.session).await;
        let caller = dashboard
            .server
            .identity
            .caller(&user.ok()??, self.caller.address);
        authorize(&caller, route).ok()?;
        Some(caller)
    }

    /// The token that each form carries.
    pub(super) fn form_token(&self) -> &str {
        &self.form_token
    }

    /// Returns `true` if the user has this permission.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.caller.may(permission)
    }
}

/// The CSRF token of a session's forms: a digest, from which the session's own token can't be derived.
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
        let user = dashboard.server.identity.session(session).await?;
        let user = user.ok_or_else(not_signed_in)?;
        let address = address(&parts.extensions);
        let caller = dashboard.server.identity.caller(&user, address);
        authorize(&caller, &parts.extensions)?;
        Ok(Self {
            user,
            caller,
            undecided_restore: dashboard.server.restores.undecided(),
            form_token: form_token(&token),
            session,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_belongs_to_one_session() {
        assert_eq!(form_token("a"), form_token("a"));
        assert_ne!(form_token("a"), form_token("b"));
    }
}
