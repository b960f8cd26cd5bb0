//! The clock's use case: commands whose time is over.

use super::{Deed, Service, ServiceError};
use mdm_wire::{time, words::CommandId};
use std::time::Duration;

/// How often the store is asked for commands whose time is over.
const EVERY: Duration = Duration::from_secs(1);

impl Service {
    /// Lets the plugin end every command whose time is over, again and again until the host closes.
    pub async fn watch_the_clock(&self) {
        let mut closing = self.closing.subscribe();
        while !*closing.borrow() {
            if let Err(error) = self.expire_overdue().await {
                tracing::warn!(%error, "commands whose time is over were not ended");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = closing.changed() => {}
            }
        }
    }

    async fn expire_overdue(&self) -> Result<(), ServiceError> {
        for (device, command) in self.store.overdue(time::now()).await? {
            // A report may have come first, or the plugin may see it otherwise: the next one's turn.
            match self.expire(&device, &command).await {
                Ok(()) => tracing::info!(device, command, "expired"),
                Err(error) => tracing::warn!(device, command, %error, "did not expire"),
            }
        }
        Ok(())
    }

    async fn expire(&self, device: &str, command: &CommandId) -> Result<(), ServiceError> {
        let deed = Deed::new("host", "expire").on(command);
        self.decide(device, deed, |plugin, context| plugin.expire(context))
            .await
    }
}
