//! Who an agent is: the owner of the key that its device enrolled with, or has changed to since.

use super::{MOST_ROUNDS, Service, ServiceError, check_trusted, freshness::Stale};
use crate::{
    access::Caller,
    audit::AuditEntry,
    change::Change,
    keys::HostKeys,
    store::{NotTaken, StoreError},
};
use mdm_wire::{
    signature::{AGENT, Headers, Request, Signed},
    sync::{RotateKeysRequest, RotateKeysResponse},
    time,
};

impl Service {
    /// The keys that the host signs and seals with.
    pub fn keys(&self) -> &HostKeys {
        &self.keys
    }

    /// The device whose agent has signed this request, just now, and which was never taken before. That it was
    /// signed is checked first: only the owner of a key can make the host remember anything.
    pub async fn authenticate_agent(
        &self,
        request: &Request<'_>,
        headers: &Headers,
    ) -> Result<String, ServiceError> {
        let signed = Signed::of_request(headers, AGENT)?;
        let key = self.store.agent_key(&signed.device).await?;
        let key = key.ok_or(ServiceError::UnknownAgent)?;
        signed.verify(request, headers, &key)?;
        let mut taken = self.freshness.take(&signed, time::now() / 1000);
        if let (Ok(()), Some(replicas)) = (taken, &self.replicas) {
            let Signed {
                device,
                nonce,
                created,
                ..
            } = &signed;
            let shared = replicas.take_signature(device, nonce, *created).await?;
            taken = shared.map_err(|not_taken| match not_taken {
                NotTaken::Replayed => Stale::Replayed,
                NotTaken::Forgotten { sign_at } => Stale::NotFresh { sign_at },
            });
        }
        match taken {
            Ok(()) => Ok(signed.device),
            Err(Stale::NotFresh { sign_at }) => Err(ServiceError::NotFresh {
                created: signed.created,
                sign_at,
            }),
            Err(Stale::Replayed) => Err(ServiceError::Replayed),
        }
    }

    /// From now on, the agent signs with another key, and passwords are sealed to another. A pending command stays
    /// pending, sealed to the key before. Asked again, it is done already.
    pub async fn rotate_keys(
        &self,
        device: &str,
        request: RotateKeysRequest,
    ) -> Result<RotateKeysResponse, ServiceError> {
        for _ in 0..MOST_ROUNDS {
            let snapshot = self.snapshot(device).await?;
            check_trusted(&snapshot)?;
            let signs_with = self.store.agent_key(device).await?;
            let is_done = snapshot.public_key == request.public_key
                && signs_with.as_ref() == Some(&request.signing_key);
            if is_done {
                return Ok(RotateKeysResponse {});
            }
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
                .commit(&snapshot, at, vec![change], Some(audit.into()), None)
                .await?
            {
                tracing::info!(device, "the device changed its keys");
                return Ok(RotateKeysResponse {});
            }
        }
        Err(StoreError::Conflict.into())
    }
}
