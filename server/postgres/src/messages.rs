//! Messages between replicas: JSON in the notifications of PostgreSQL.

use mdm_server_core::store::{CallCount, Changes};
use serde::{Deserialize, Serialize};

/// The statement that notifies the other replicas.
pub(super) const NOTIFY: &str = "select pg_notify('mdm', $1)";

/// A message of PostgreSQL has fewer than 8,000 bytes.
const MAX_MESSAGE_BYTES: usize = 7_000;

/// Maximum number of callers in one message.
const CALLERS: usize = 50;

/// A message of one replica to all.
#[derive(Serialize, Deserialize)]
pub(super) struct Message<'a> {
    /// The id of the sender.
    pub(super) from: &'a str,
    #[serde(default)]
    pub(super) changes: Option<Changes>,
    #[serde(default)]
    pub(super) calls: Vec<CallCount>,
}

/// The messages to other replicas about these changes.
pub(super) fn of_changes(replica: &str, changes: &Changes) -> Vec<String> {
    if *changes == Changes::default() {
        return Vec::new();
    }
    let mut messages = Vec::new();
    let mut part = Changes {
        plugin: changes.plugin,
        events: changes.events,
        ..Changes::default()
    };
    let mut length = 0;
    let devices = changes.devices.iter().map(|id| (id, false));
    let bulks = changes.bulks.iter().map(|id| (id, true));
    for (id, is_bulk) in devices.chain(bulks) {
        if length + id.len() > MAX_MESSAGE_BYTES {
            messages.extend(text(replica, Some(std::mem::take(&mut part)), Vec::new()));
            length = 0;
        }
        length += id.len() + 3;
        let ids = match is_bulk {
            false => &mut part.devices,
            true => &mut part.bulks,
        };
        ids.insert(id.clone());
    }
    messages.extend(text(replica, Some(part), Vec::new()));
    messages
}

/// The messages to other replicas about these calls.
pub(super) fn of_calls(replica: &str, calls: &[CallCount]) -> Vec<String> {
    let parts = calls.chunks(CALLERS);
    parts
        .filter_map(|part| text(replica, None, part.to_vec()))
        .collect()
}

fn text(from: &str, changes: Option<Changes>, calls: Vec<CallCount>) -> Option<String> {
    let message = Message {
        from,
        changes,
        calls,
    };
    // It has strings and numbers only, so it has a JSON form.
    serde_json::to_string(&message).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_changed_is_told_whole_in_messages_that_postgresql_takes() {
        let devices: BTreeSet<_> = (0..1000).map(|number| format!("{number:036}")).collect();
        let changes = Changes {
            devices: devices.clone(),
            bulks: ["bulk".to_owned()].into(),
            plugin: true,
            events: false,
        };
        let mut heard = Changes::default();
        for text in of_changes("me", &changes) {
            assert!(text.len() < 8000, "{}", text.len());
            let message: Message<'_> = serde_json::from_str(&text).unwrap();
            heard.add(message.changes.unwrap());
        }
        assert_eq!(heard, changes);
        assert!(of_changes("me", &Changes::default()).is_empty());
    }
}
