//! A form that is sent twice at once, by a double click or a lost answer, does what it does once.

use mdm_wire::words::CommandId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// How long a form that comes again is taken for the same. After that, the admin who went back to it means
/// another command, and is asked to look again.
const TWICE: Duration = Duration::from_secs(10);

/// The forms of late, and the commands that they made.
#[derive(Default)]
pub(super) struct Once(Mutex<HashMap<String, Sent>>);

struct Sent {
    at: Instant,
    command: Arc<OnceCell<CommandId>>,
}

impl Once {
    /// The key of a new form.
    pub(super) fn new_key() -> String {
        Uuid::now_v7().to_string()
    }

    /// Makes a command for the form with this key, or gives the one that it has made. Where none could be made,
    /// the form may come again.
    pub(super) async fn make<E>(
        &self,
        key: &str,
        make: impl Future<Output = Result<CommandId, E>>,
    ) -> Result<CommandId, E> {
        let command = {
            let now = Instant::now();
            let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sent.retain(|_, sent| now < sent.at + TWICE);
            let new = || Sent {
                at: now,
                command: Arc::default(),
            };
            Arc::clone(&sent.entry(key.to_owned()).or_insert_with(new).command)
        };
        command.get_or_try_init(|| make).await.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ServiceError;

    async fn made(command: &str) -> Result<CommandId, ServiceError> {
        tokio::task::yield_now().await;
        Ok(command.to_owned())
    }

    #[tokio::test]
    async fn a_form_that_is_sent_twice_makes_one_command() {
        let once = Once::default();
        let (one, two) = tokio::join!(once.make("form", made("a")), once.make("form", made("b")));
        assert_eq!(one.unwrap(), two.unwrap());
        assert_eq!(once.make("another", made("c")).await.unwrap(), "c");
    }

    #[tokio::test]
    async fn a_form_that_made_no_command_can_be_sent_again() {
        let once = Once::default();
        let refused = async { Err(ServiceError::BadReason("it is too long")) };
        assert!(once.make("form", refused).await.is_err());
        assert_eq!(once.make("form", made("a")).await.unwrap(), "a");
    }
}
