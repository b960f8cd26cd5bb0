//! The messages that a plugin writes by the import `logging`: bounded for each call, and the latest of a plugin are
//! kept.

use crate::{Function, shortened::cut};
use mdm_contract::time::{self, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Maximum number of messages of a call. Further ones are counted.
const MAX_MESSAGES: usize = 16;

/// Maximum length of a message, in bytes. A longer one is cut.
const MAX_MESSAGE: usize = 1024;

/// The number of messages that are kept of a plugin.
const MAX_KEPT: usize = 100;

mdm_contract::text_enum! {
    /// The level of a message.
    MessageLevel {
        /// For the author of a plugin.
        Trace = "trace",
        /// For the author of a plugin.
        Debug = "debug",
        /// For the operator.
        Info = "info",
        /// A problem that the plugin worked around.
        Warn = "warn",
        /// A failed call.
        Error = "error",
        /// A failure of the whole plugin.
        Critical = "critical",
    }
}

/// One message of a plugin. Its text is the plugin's own, and not escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its level.
    pub level: MessageLevel,
    /// Its text, of 1024 bytes at most.
    pub text: String,
}

/// A message with its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LoggedMessage {
    /// The time of the call.
    #[serde(with = "time")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The function of the contract.
    pub function: String,
    /// The device of the call.
    pub device: String,
    /// The command of the call, if it was about one.
    pub command: Option<String>,
    /// The level.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub level: MessageLevel,
    /// The text, of 1024 bytes at most. It is the plugin's own.
    pub text: String,
}

/// The messages of the running call.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// The messages, oldest first.
    pub lines: Vec<Message>,
    /// The number of further messages, which are dropped.
    pub dropped: u64,
}

impl Messages {
    pub(super) fn add(&mut self, level: MessageLevel, text: String) {
        if self.lines.len() == MAX_MESSAGES {
            self.dropped += 1;
            return;
        }
        let text = cut(text, MAX_MESSAGE - '…'.len_utf8());
        self.lines.push(Message { level, text });
    }
}

/// The latest messages of a plugin, oldest first.
#[derive(Debug, Default)]
pub(super) struct KeptMessages(Mutex<VecDeque<LoggedMessage>>);

impl KeptMessages {
    pub(super) fn keep(&self, message: LoggedMessage) {
        let mut kept = self.0.lock();
        if kept.len() == MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back(message);
    }

    pub(super) fn all(&self) -> Vec<LoggedMessage> {
        self.0.lock().iter().cloned().collect()
    }
}

/// The call that messages belong to.
pub(super) struct MessageSource<'a> {
    pub(super) at: Timestamp,
    pub(super) function: Function,
    pub(super) device: &'a str,
    pub(super) command: Option<&'a str>,
}

impl MessageSource<'_> {
    pub(super) fn of(&self, Message { level, text }: Message) -> LoggedMessage {
        LoggedMessage {
            at: self.at,
            function: self.function.to_string(),
            device: self.device.to_owned(),
            command: self.command.map(str::to_owned),
            level,
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_a_call_are_bounded_in_number_and_length() {
        let mut messages = Messages::default();
        for _ in 0..10_000 {
            messages.add(MessageLevel::Info, "é".repeat(1 << 10));
        }
        assert_eq!(messages.lines.len(), MAX_MESSAGES);
        assert_eq!(messages.dropped, 10_000 - MAX_MESSAGES as u64);
        assert!(messages.lines.iter().all(|it| it.text.len() <= MAX_MESSAGE));
    }

    #[test]
    fn the_latest_messages_of_a_plugin_are_kept() {
        let kept = KeptMessages::default();
        for number in 0..MAX_KEPT + 3 {
            let source = MessageSource {
                at: 0,
                function: Function::Reset,
                device: "d",
                command: None,
            };
            kept.keep(source.of(Message {
                level: MessageLevel::Info,
                text: number.to_string(),
            }));
        }
        let all = kept.all();
        assert_eq!(all.len(), MAX_KEPT);
        assert_eq!(all.first().unwrap().text, "3");
    }
}
