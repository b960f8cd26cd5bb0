//! `mdm-server serve`: runs a server until a signal stops it. `options` has its options; `wiring` builds the server
//! from them.

mod identity;
mod logging;
mod options;
mod otlp;
mod signals;
mod values;
mod wiring;

pub(super) use options::Serve;

use mdm_server_core::{metrics::Metrics, server::Server, supervisor::Supervisor};
use mdm_server_http::api::StartupGate;
use mdm_terminal::out;
use signals::{CertificateWatch, StopSignals};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wiring::Wiring;

/// The time limit of the background tasks to end, after the last request.
const TASKS_TIMEOUT: Duration = Duration::from_secs(1);

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let metrics = Arc::new(Metrics::default());
        let exports = self.logging.start(&metrics.traces)?;
        let ended = self.serve(metrics).await;
        if let Some(exports) = exports {
            exports.end().await;
        }
        ended
    }

    async fn serve(&self, metrics: Arc<Metrics>) -> anyhow::Result<()> {
        let signals = StopSignals::new()?;
        let certificate = self.listening.certificate()?;
        let watch = CertificateWatch::new(certificate.clone(), Arc::clone(&metrics))?;
        let supervisor = Arc::new(Supervisor::new(metrics.tasks.clone()));
        let watch = Arc::new(watch);
        supervisor.spawn("certificate", CancellationToken::new(), move |_| {
            let watch = Arc::clone(&watch);
            async move { watch.run().await }
        });
        let host = Wiring::new(self, Arc::clone(&metrics), Arc::clone(&supervisor))?;
        // Bind first: a server that can't bind must not spend the token that is shown once.
        let door = self.listening.listen(certificate).await?;
        let url = door.url()?;
        let opening = Arc::new(StartupGate::default());
        let opened = Arc::new(OnceLock::<Arc<Server>>::new());
        let stop = {
            let opened = Arc::clone(&opened);
            let delay = self.shutdown.delay();
            async move {
                signals.first().await;
                tracing::info!("stopping");
                if let Some(server) = opened.get() {
                    server.stop_soon();
                }
                sleep(delay).await;
                if let Some(server) = opened.get() {
                    server.close();
                }
            }
        };
        let router = opening.router();
        let patience = self.shutdown.timeout();
        let tasks = Arc::clone(&supervisor);
        let mut serving =
            tokio::spawn(async move { door.serve(router, &metrics, &tasks, stop, patience).await });
        tokio::select! {
            served = &mut serving => return served?,
            ready = opening.open_when_possible(async || {
                let (server, router) = host.open(&url).await.map_err(|error| host.not_open(error))?;
                opened.get_or_init(|| server).start();
                Ok(router)
            }) => ready?,
        }
        // A server keeps serving even if standard output has no reader.
        let _ = out::line(format_args!("listening on {url}"));
        let served = serving.await?;
        if timeout(TASKS_TIMEOUT, supervisor.stopped()).await.is_err() {
            tracing::warn!("a background task did not end in time");
        }
        if let Some(server) = opened.get() {
            server.close_store().await;
        }
        served
    }
}
