//! An invitation: a single-use link by which a user chooses a password.

use crate::{
    access::Caller, audit::AuditEntry, error::ServerError, public_url::PublicUrl,
    store::NewInvitation, token,
};
use mdm_contract::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The validity of an invitation, in milliseconds.
pub(super) const INVITED_FOR: u64 = 3 * 24 * 3_600_000;

/// A single-use link by which a user chooses a password.
#[derive(Serialize, Deserialize)]
pub struct Invitation {
    /// The invited user.
    pub user: String,
    /// Token of the link, shown once.
    pub token: Zeroizing<String>,
    /// Expiry of the invitation.
    pub expires_at: Timestamp,
    /// Public URL of the server, if known.
    #[serde(skip)]
    host: Option<PublicUrl>,
}

impl Invitation {
    /// A new invitation for a user, valid for this many milliseconds.
    pub(super) fn new(user: &str, at: Timestamp, valid_for: u64) -> Result<Self, ServerError> {
        Ok(Self {
            user: user.to_owned(),
            token: token::new_token("invitation")?,
            expires_at: at + valid_for,
            host: None,
        })
    }

    /// The stored form of the invitation.
    pub(super) fn to_be_stored(&self, by: &Caller, at: Timestamp) -> NewInvitation {
        NewInvitation {
            token: token::digest(&self.token),
            expires_at: self.expires_at,
            audit: invited(by, &self.user, at),
        }
    }

    /// The invitation with this public URL of the server.
    pub(super) fn at(self, host: Option<PublicUrl>) -> Self {
        Self { host, ..self }
    }

    /// The URL of the page to choose the password, if the server's public URL is known.
    pub fn url(&self) -> Option<String> {
        let host = self.host.as_ref()?;
        Some(format!("{host}{}", self.path()))
    }

    /// The path of that page.
    pub fn path(&self) -> String {
        format!("/invitation/{}", self.token.as_str())
    }
}

/// The entry of an invitation in the audit trail.
pub(super) fn invited(by: &Caller, name: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        detail: Some(name.to_owned()),
        ..AuditEntry::new(at, by, "invite-user")
    }
}
