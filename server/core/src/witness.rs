//! Witnesses: agents keep them so that the server detects an older copy of its store. A witness holds the end of the
//! audit trail and the devices that were revoked last. A MAC authenticates it, so agents can't forge one.

use crate::{
    audit::{Chain, LineDigest},
    keys::HostKeys,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Limit of devices in a witness: the ones that were revoked last.
pub const MAX_REVOKED: usize = 8;

const MAC: usize = 32;
const MARK: usize = 8 + 8 + 32;

/// The end of the audit trail in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Epoch: 1, plus one for each detected restore.
    pub epoch: u64,
    /// Number of the last line of the audit trail.
    pub number: u64,
    /// Digest of that line, which covers all lines before it.
    pub digest: LineDigest,
}

impl Mark {
    /// The mark for the end of a trail.
    pub fn of(epoch: u64, end: &Chain) -> Self {
        Self {
            epoch,
            number: end.number,
            digest: end.digest,
        }
    }
}

/// Content of a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// End of the audit trail.
    pub mark: Mark,
    /// The devices that were revoked last, at most [`MAX_REVOKED`].
    pub revoked: Vec<Uuid>,
}

impl Witness {
    /// Encodes and authenticates the witness for agents.
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

    /// Decodes a witness from an agent. Returns `None` if this server has not made it.
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
