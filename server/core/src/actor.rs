//! Actors: users, programs, agents and the server itself.

use std::{fmt, str::FromStr};

/// An actor. The audit trail names it by its text: `user alice`, `token backup`, `agent`, `host`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A user who is signed in, by name.
    User(String),
    /// A program, by the name of its API token.
    Token(String),
    /// An agent, on its own device. The agent's key decides what it may do.
    Agent,
    /// The server itself: it expires commands and rolls back canaries. It is also the principal of tokens without an
    /// owner.
    System,
    /// A caller without a login.
    Stranger,
}

impl Actor {
    const AGENT: &str = "agent";
    const SYSTEM: &str = "host";
    const STRANGER: &str = "stranger";

    /// The name of the user. Returns `None` for other actors.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::User(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Token(name) => write!(f, "token {name}"),
            Self::Agent => f.write_str(Self::AGENT),
            Self::System => f.write_str(Self::SYSTEM),
            Self::Stranger => f.write_str(Self::STRANGER),
        }
    }
}

/// The text names no actor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an actor")]
pub struct UnknownActor(String);

impl FromStr for Actor {
    type Err = UnknownActor;

    fn from_str(text: &str) -> Result<Self, UnknownActor> {
        match (text, text.split_once(' ')) {
            (_, Some(("user", name))) => Ok(Self::User(name.to_owned())),
            (_, Some(("token", name))) => Ok(Self::Token(name.to_owned())),
            (Self::AGENT, _) => Ok(Self::Agent),
            (Self::SYSTEM, _) => Ok(Self::System),
            (Self::STRANGER, _) => Ok(Self::Stranger),
            _ => Err(UnknownActor(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_read_as_it_is_written_and_no_other_text_is_one() {
        for (text, actor) in [
            ("user alice", Actor::User("alice".into())),
            ("token backup", Actor::Token("backup".into())),
            ("agent", Actor::Agent),
            ("host", Actor::System),
            ("stranger", Actor::Stranger),
        ] {
            assert_eq!(actor.to_string(), text);
            assert_eq!(text.parse(), Ok(actor));
        }
        for text in ["", "user", "User alice", "alice", "hosts", "agent x"] {
            assert!(text.parse::<Actor>().is_err(), "{text}");
        }
    }
}
