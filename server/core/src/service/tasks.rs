//! What a host does by itself: its background tasks, under the supervisor.

use super::Service;
use std::sync::Arc;

impl Service {
    /// Starts the background tasks, which run until the host closes.
    pub fn start(self: &Arc<Self>) {
        self.supervise("expiry", |host| async move { host.watch_the_clock().await });
        self.supervise("webhooks", Self::deliver_webhooks);
        self.supervise("bulks", Self::run_bulks);
        self.supervise("history", |host| async move { host.keep_history().await });
        self.supervise("failed-logins", |host| async move {
            host.audit_failed_logins().await;
        });
        if self.replicas.is_some() {
            self.supervise("replica-changes", Self::hear_replicas);
            self.supervise("replica-calls", Self::tell_replicas);
        }
        if self.transport.wake_ups.get().is_some() {
            self.supervise("wake-ups", |host| async move { host.wake_devices().await });
        }
    }

    fn supervise<F>(
        self: &Arc<Self>,
        name: &'static str,
        task: impl Fn(Arc<Self>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let host = Arc::clone(self);
        let closing = self.closing.clone();
        self.supervisor
            .spawn(name, closing, move |_| task(Arc::clone(&host)));
    }
}
