//! Audit trail: actor, action, device, time and plugin. The lines form a hash chain: each has a digest of itself and of
//! the line before, so a removed, changed or inserted line is detected.

use crate::{access::Caller, actor::Actor};
use mdm_contract::{
    CommandId,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Time of the action.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Actor: `user alice`, `token backup`, `agent` or `host`.
    pub actor: String,
    /// Address of the caller.
    #[serde(default)]
    pub address: Option<String>,
    /// Action: `reset`, `remove`, `report`, `cancel`, `expire`, `policy`, `enroll`, `revoke`, `use-plugin`,
    /// `roll-back-plugin`, `keep-plugin`, `sign-in`, `add-user` and so on.
    pub action: String,
    /// Device. `null` means the server itself.
    pub device: Option<String>,
    /// The command in question.
    pub command: Option<CommandId>,
    /// Details in plain words.
    pub detail: Option<String>,
    /// SHA-256 digest of the plugin that decided.
    pub plugin: Option<String>,
}

impl AuditEntry {
    /// An entry for an action of this caller, without a device.
    pub fn new(at: Timestamp, by: &Caller, action: &str) -> Self {
        Self {
            at,
            actor: by.actor.to_string(),
            address: by.address.map(|address| address.to_string()),
            action: action.to_owned(),
            device: None,
            command: None,
            detail: None,
            plugin: None,
        }
    }

    /// Returns `true` if the entry names this actor.
    pub fn is_by(&self, actor: &Actor) -> bool {
        self.actor == actor.to_string()
    }
}

/// Digest of a line and of all lines before it.
pub type LineDigest = [u8; 32];

/// Digest before the first line.
pub const BEGINNING: LineDigest = [0; 32];

/// A line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Number of the line, from 1, without gaps.
    pub number: u64,
    /// Content of the line.
    pub entry: AuditEntry,
    /// Digest of the line.
    pub digest: LineDigest,
}

/// The break of a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// Lines are missing or out of order.
    #[error("line {expected} of the audit trail is missing: line {found} is in its place")]
    Missing {
        /// The expected number.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// This line or an earlier one was changed.
    #[error("line {0} of the audit trail, or the one before it, was changed after it was written")]
    Changed(u64),
    /// The last lines are missing.
    #[error("the audit trail ends at line {found}, and {written} lines were written")]
    CutOff {
        /// Number of the last line found.
        found: u64,
        /// Number of the last line written.
        written: u64,
    },
}

/// Verifies a chain from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Number of the last verified line.
    pub number: u64,
    /// Digest of the last verified line. A copy kept elsewhere proves later that no earlier line was changed.
    pub digest: LineDigest,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            number: 0,
            digest: BEGINNING,
        }
    }
}

impl Chain {
    /// Chains an entry to the last line.
    pub fn next(&self, entry: AuditEntry) -> AuditLine {
        let number = self.number + 1;
        AuditLine {
            digest: digest(&self.digest, number, &entry),
            number,
            entry,
        }
    }

    /// Verifies the next line, and advances to it.
    pub fn follow(&mut self, line: &AuditLine) -> Result<(), BrokenChain> {
        let expected = self.number + 1;
        if line.number != expected {
            return Err(BrokenChain::Missing {
                expected,
                found: line.number,
            });
        }
        if digest(&self.digest, line.number, &line.entry) != line.digest {
            return Err(BrokenChain::Changed(line.number));
        }
        (self.number, self.digest) = (line.number, line.digest);
        Ok(())
    }

    /// Checks that the chain ends at the last line written.
    pub fn ends_at(&self, written: u64) -> Result<(), BrokenChain> {
        match self.number == written {
            true => Ok(()),
            false => Err(BrokenChain::CutOff {
                found: self.number,
                written,
            }),
        }
    }
}

/// SHA-256 over the previous digest and every field with its length as a prefix, so that the encoding is unambiguous.
fn digest(before: &LineDigest, number: u64, entry: &AuditEntry) -> LineDigest {
    let AuditEntry {
        at,
        actor,
        address,
        action,
        device,
        command,
        detail,
        plugin,
    } = entry;
    let mut sha = Sha256::new();
    sha.update(before);
    sha.update(number.to_be_bytes());
    sha.update(at.to_be_bytes());
    for field in [
        Some(actor),
        address.as_ref(),
        Some(action),
        device.as_ref(),
        command.as_ref(),
        detail.as_ref(),
        plugin.as_ref(),
    ] {
        let length = field.map_or(u64::MAX, |field| field.len() as u64);
        sha.update(length.to_be_bytes());
        sha.update(field.map_or("", String::as_str));
    }
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(actor: String, detail: Option<String>) -> AuditEntry {
        AuditEntry {
            at: 1_700_000_000_000,
            actor,
            address: None,
            action: "reset".into(),
            device: Some("phone".into()),
            command: None,
            detail,
            plugin: Some("abc".into()),
        }
    }

    fn lines(entries: &[(String, Option<String>)]) -> Vec<AuditLine> {
        let mut chain = Chain::default();
        let mut line = |(actor, detail): &(String, Option<String>)| {
            let line = chain.next(entry(actor.clone(), detail.clone()));
            chain.follow(&line).unwrap();
            line
        };
        entries.iter().map(&mut line).collect()
    }

    fn follow(lines: &[AuditLine], written: u64) -> Result<(), BrokenChain> {
        let mut chain = Chain::default();
        lines.iter().try_for_each(|line| chain.follow(line))?;
        chain.ends_at(written)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_line_that_was_removed_changed_doubled_or_moved_shows(
            entries in proptest::collection::vec((".{0,4}", proptest::option::of(".{0,4}")), 2..8),
            at in any::<proptest::sample::Index>(),
        ) {
            let whole = lines(&entries);
            let (at, written) = (at.index(whole.len()), whole.len() as u64);
            prop_assert_eq!(follow(&whole, written), Ok(()));
            let mut removed = whole.clone();
            removed.remove(at);
            prop_assert!(follow(&removed, written).is_err());
            let mut changed = whole.clone();
            changed[at].entry.actor.push('x');
            prop_assert!(follow(&changed, written).is_err());
            let mut moved_text = whole.clone();
            let line = &mut moved_text[at].entry;
            line.device = Some(format!("{}{}", line.actor, line.action));
            prop_assert!(follow(&moved_text, written).is_err());
            let mut doubled = whole.clone();
            doubled.insert(at, whole[at].clone());
            prop_assert!(follow(&doubled, written + 1).is_err());
            let mut swapped = whole.clone();
            swapped.swap(at, (at + 1) % whole.len());
            prop_assert!(follow(&swapped, written).is_err());
        }
    }
}
