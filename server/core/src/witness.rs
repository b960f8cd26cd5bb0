//! Witnesses: what a host gives its agents to keep, so that it notices if its store is replaced by an older one. A
//! witness says how far the audit trail was, and which devices were revoked last. The host alone makes them, by a MAC, so
//! an agent that shows one proves what was, and can invent nothing.

use crate::{
    audit::{Chain, LineDigest},
    keys::HostKeys,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many devices a witness names: those that were revoked last.
pub const MAX_REVOKED: usize = 8;

const MAC: usize = 32;
const MARK: usize = 8 + 8 + 32;

/// How far a store was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// How often a restored store was noticed until then, from 1.
    pub epoch: u64,
    /// The last line of the audit trail.
    pub number: u64,
    /// Its digest, which is that of all lines before it, too.
    pub digest: LineDigest,
}

impl Mark {
    /// The end of a trail.
    pub fn of(epoch: u64, end: &Chain) -> Self {
        Self {
            epoch,
            number: end.number,
            digest: end.digest,
        }
    }
}

/// What an agent keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// How far the store was.
    pub mark: Mark,
    /// The devices that were revoked last, at most [`MAX_REVOKED`].
    pub revoked: Vec<Uuid>,
}

impl Witness {
    /// As agents keep it.
    pub fn seal(&self, keys: &HostKeys) -> String {
        let mut bytes = Vec::with_capacity(MARK + 16 * self.revoked.len() + MAC);
        bytes.extend_from_slice(&self.mark.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.mark.number.to_be_bytes());
        bytes.extend_from_slice(&self.mark.digest);
        for device in &self.revoked {
            bytes.extend_from_slice(device.as_bytes());
        }
        let mac = keys.witness_mac(&bytes);
        bytes.extend_from_slice(&mac);
        BASE64.encode(bytes)
    }

    /// Reads what an agent shows. Returns `None` if this host has not made it.
    pub fn open(text: &str, keys: &HostKeys) -> Option<Self> {
        let bytes = BASE64.decode(text).ok()?;
        let (content, mac) = bytes.split_last_chunk::<MAC>()?;
        if !keys.is_witness_mac(content, mac) {
            return None;
        }
        let (epoch, rest) = content.split_first_chunk::<8>()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let (revoked, []) = rest.as_chunks::<16>() else {
            return None;
        };
        Some(Self {
            mark: Mark {
                epoch: u64::from_be_bytes(*epoch),
                number: u64::from_be_bytes(*number),
                digest: *digest,
            },
            revoked: revoked.iter().copied().map(Uuid::from_bytes).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn a_witness_is_its_hosts_and_no_part_of_it_can_be_changed() {
        let keys = |byte| HostKeys::new(Zeroizing::new([byte; 32])).unwrap();
        let (ours, theirs) = (keys(1), keys(2));
        let witness = Witness {
            mark: Mark {
                epoch: 3,
                number: 7,
                digest: [9; 32],
            },
            revoked: vec![Uuid::now_v7(), Uuid::now_v7()],
        };
        let sealed = witness.seal(&ours);
        assert_eq!(Witness::open(&sealed, &ours), Some(witness));
        assert_eq!(Witness::open(&sealed, &theirs), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let opened = Witness::open(&changed, &ours);
            assert!(opened.is_none(), "byte {at} was changed");
            assert_eq!(Witness::open(&sealed[..at], &ours), None);
        }
    }
}
