//! An invitation: a link with which a user chooses a password, once.

use crate::{
    access::Caller, audit::AuditEntry, error::ServerError, public_url::PublicUrl,
    store::NewInvitation, token,
};
use mdm_contract::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The validity of an invitation, in milliseconds.
pub(super) const INVITED_FOR: u64 = 3 * 24 * 3_600_000;

/// A link with which a user chooses a password, once.
#[derive(Serialize, Deserialize)]
pub struct Invitation {
    /// Whose it is.
    pub user: String,
    /// The token of the link. It is told once.
    pub token: Zeroizing<String>,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// Where the host is reached, if it knows.
    #[serde(skip)]
    host: Option<PublicUrl>,
}

impl Invitation {
    /// A new link for a user, valid for so many milliseconds from now on.
    pub(super) fn new(user: &str, at: Timestamp, valid_for: u64) -> Result<Self, ServerError> {
        Ok(Self {
            user: user.to_owned(),
            token: token::new_token("invitation")?,
            expires_at: at + valid_for,
            host: None,
        })
    }

    /// The link of a new user, as the store gets it.
    pub(super) fn to_be_stored(&self, by: &Caller, at: Timestamp) -> NewInvitation {
        NewInvitation {
            token: token::digest(&self.token),
            expires_at: self.expires_at,
            audit: invited(by, &self.user, at),
        }
    }

    /// The link at this URL of the server.
    pub(super) fn at(self, host: Option<PublicUrl>) -> Self {
        Self { host, ..self }
    }

    /// The URL of the page where the password is chosen, if the host knows its own.
    pub fn url(&self) -> Option<String> {
        let host = self.host.as_ref()?;
        Some(format!("{host}{}", self.path()))
    }

    /// The path of the page where the password is chosen, on this host.
    pub fn path(&self) -> String {
        format!("/invitation/{}", self.token.as_str())
    }
}

/// The line of an invitation in the audit trail.
pub(super) fn invited(by: &Caller, name: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        detail: Some(name.to_owned()),
        ..AuditEntry::new(at, by, "invite-user")
    }
}
