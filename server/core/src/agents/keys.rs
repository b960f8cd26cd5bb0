//! Authentication of agents by the key of their enrollment, or its successor.

use super::{
    enrollment::Agents,
    replay_guard::{ReplayError, check_time},
};
use crate::{
    access::Caller,
    audit::AuditEntry,
    change::Change,
    device_records::MAX_ATTEMPTS,
    error::ServerError,
    keys::HostKeys,
    precondition::check_trusted,
    store::{AgentKey, NotTaken, StoreError},
};
use mdm_agent_protocol::{
    signature::{AGENT, Headers, Request, Signed},
    signing_key::VerifyingKey,
    succession::{MAX_SUCCESSIONS, Succession},
    sync::{RotateKeysRequest, RotateKeysResponse},
};
use mdm_contract::time;

/// An agent, authenticated by the key of its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedAgent {
    /// The device.
    pub device: String,
    /// The key that verifies its signatures.
    pub key: VerifyingKey,
}

/// A request whose signature by an agent is verified, but not yet its age and nonce.
pub struct SignedByAgent {
    signed: Signed,
    key: AgentKey,
}

impl SignedByAgent {
    /// The signature, to which a response may refer.
    pub fn signature(&self) -> &[u8] {
        &self.signed.signature
    }
}

impl Agents {
    /// The keys of the server.
    pub fn keys(&self) -> &HostKeys {
        &self.keys
    }

    /// Verifies the signature of an agent's request. Does not check its age: [`admit`](Self::admit) does.
    pub async fn verify(
        &self,
        request: &Request<'_>,
        headers: &Headers,
    ) -> Result<SignedByAgent, ServerError> {
        let signed = Signed::of_request(headers, AGENT)?;
        let key = self.store.agent_key(&signed.device).await?;
        let key = key.ok_or(ServerError::UnknownAgent)?;
        signed.verify(request, headers, &key.key)?;
        Ok(SignedByAgent { signed, key })
    }

    /// Verifies a request that is signed with a successor of the stored key. Returns also the latest keys of the chain.
    pub async fn verify_successor(
        &self,
        request: &Request<'_>,
        headers: &Headers,
        successions: &[Succession],
    ) -> Result<(SignedByAgent, RotateKeysRequest), ServerError> {
        let signed = Signed::of_request(headers, AGENT)?;
        let unknown = || ServerError::UnknownAgent;
        let known = self.store.agent_key(&signed.device).await?;
        let known = known.ok_or_else(unknown)?;
        let chain = &successions[successions.len().saturating_sub(MAX_SUCCESSIONS)..];
        let last = match Succession::last(chain, &signed.device, &known.key)? {
            Some(last) => last,
            // A response was lost, and the server has the last key already.
            None => chain
                .last()
                .filter(|last| last.signing_key == known.key)
                .ok_or_else(unknown)?,
        };
        let key = AgentKey {
            key: last.signing_key.clone(),
            is_revoked: known.is_revoked,
        };
        signed.verify(request, headers, &key.key)?;
        let keys = RotateKeysRequest {
            public_key: last.public_key.clone(),
            signing_key: last.signing_key.clone(),
        };
        Ok((SignedByAgent { signed, key }, keys))
    }

    /// Authenticates an agent: the signature is fresh, its nonce is new, and the device is not revoked. Takes a
    /// verified signature only, so that forged requests store no nonce.
    pub async fn admit(
        &self,
        SignedByAgent { signed, key }: SignedByAgent,
    ) -> Result<AuthenticatedAgent, ServerError> {
        let mut taken = self.replay_guard.take(&signed, time::now() / 1000);
        if let (Ok(()), Some(replicas)) = (taken, &self.replicas) {
            let Signed {
                device,
                nonce,
                created,
                ..
            } = &signed;
            let shared = replicas.take_signature(device, nonce, *created).await?;
            taken = shared.map_err(|not_taken| match not_taken {
                NotTaken::Replayed => ReplayError::Replayed,
                NotTaken::Forgotten { sign_at } => ReplayError::NotFresh { sign_at },
            });
        }
        match taken {
            Ok(()) if key.is_revoked => Err(ServerError::Revoked(signed.device)),
            Ok(()) => Ok(AuthenticatedAgent {
                device: signed.device,
                key: key.key,
            }),
            Err(ReplayError::NotFresh { sign_at }) => Err(ServerError::NotFresh {
                created: signed.created,
                sign_at,
            }),
            Err(ReplayError::Replayed) => Err(ServerError::Replayed),
        }
    }

    /// Authenticates an agent by a fresh signature.
    pub async fn authenticate(
        &self,
        request: &Request<'_>,
        headers: &Headers,
    ) -> Result<AuthenticatedAgent, ServerError> {
        let signed = self.verify(request, headers).await?;
        self.admit(signed).await
    }

    /// Checks that the signature of an enrollment is fresh. An enrollment token is valid only once, so the nonce need
    /// not be stored.
    pub fn check_enrollment_time(signed: &Signed) -> Result<(), ServerError> {
        check_time(signed.created, time::now() / 1000).map_err(|sign_at| ServerError::NotFresh {
            created: signed.created,
            sign_at,
        })
    }

    /// Changes the keys of an agent, for signatures and for sealed passwords. A pending command stays sealed to the
    /// previous key. A repeated request has no further effect.
    pub async fn rotate_keys(
        &self,
        device: &str,
        request: RotateKeysRequest,
    ) -> Result<RotateKeysResponse, ServerError> {
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.records.snapshot(device).await?;
            check_trusted(&snapshot)?;
            let is_done = snapshot.public_key == request.public_key
                && snapshot.signing_key == request.signing_key;
            if is_done {
                return Ok(RotateKeysResponse {});
            }
            self.rates.rotation(device)?;
            let at = time::now();
            let change = Change::RotateKeys {
                public_key: request.public_key.clone(),
                signing_key: request.signing_key.clone(),
            };
            let audit = AuditEntry {
                device: Some(device.to_owned()),
                ..AuditEntry::new(at, &Caller::agent(), "rotate-keys")
            };
            if self
                .records
                .commit(&snapshot, at, vec![change], Some(audit.into()))
                .await?
            {
                tracing::info!(device, "the device changed its keys");
                return Ok(RotateKeysResponse {});
            }
        }
        Err(StoreError::Conflict.into())
    }
}
