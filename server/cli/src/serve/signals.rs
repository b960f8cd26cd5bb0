//! Signals to a running server: SIGTERM and SIGINT stop it, a second one at once; SIGHUP reloads its certificate.

use clap::Args;
use mdm_server_core::metrics::Metrics;
use mdm_server_http::api::certificate::{Certificate, Validity};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Mutex,
    time::sleep,
};

/// The interval of log lines about a certificate that is about to expire.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(12 * 3600);

#[derive(Args)]
pub(super) struct ShutdownOptions {
    /// The time limit of requests in progress once the server stops, in seconds. Then their connections are closed.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(0..=3600))]
    shutdown_timeout: u64,
    /// Delay between the stop signal and the end of serving, in seconds. Meanwhile /ready fails, so that a load
    /// balancer stops sending requests.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=3600))]
    shutdown_delay: u64,
}

impl ShutdownOptions {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_timeout)
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_secs(self.shutdown_delay)
    }
}

/// The signals that stop a host.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Installs the handlers: SIGTERM and SIGINT no longer end the process by themselves.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first stop signal. After it, a second one ends the process at once, with exit code 1.
    pub(super) async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("stopped at once, by a second signal");
            std::process::exit(1);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Reloads a certificate at SIGHUP, and warns before its expiry.
pub(super) struct CertificateWatch {
    hang_up: Mutex<Signal>,
    /// `None` if the server listens without TLS.
    certificate: Option<Arc<Certificate>>,
    metrics: Arc<Metrics>,
}

impl CertificateWatch {
    /// Installs the handler: SIGHUP no longer ends the process.
    pub(super) fn new(
        certificate: Option<Arc<Certificate>>,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        Ok(Self {
            hang_up: Mutex::new(signal(SignalKind::hangup())?),
            certificate,
            metrics,
        })
    }

    /// Runs until the process ends.
    pub(super) async fn run(&self) {
        let mut hang_up = self.hang_up.lock().await;
        loop {
            tokio::select! {
                _ = hang_up.recv() => self.reload(),
                () = sleep(self.check_validity()) => {}
            }
        }
    }

    fn reload(&self) {
        let Some(certificate) = &self.certificate else {
            tracing::info!("SIGHUP: nothing to reload, the host listens without TLS");
            return;
        };
        match certificate.reload() {
            Ok(()) => tracing::info!("SIGHUP: the certificate and its key were reloaded"),
            Err(error) => {
                tracing::error!(%error, "SIGHUP: the certificate could not be reloaded: the previous one stays in use");
            }
        }
    }

    /// Updates the metric of the certificate's expiry, and warns if it is near. Returns the delay until the next check.
    fn check_validity(&self) -> Duration {
        let Some(certificate) = &self.certificate else {
            return CERTIFICATE_INTERVAL;
        };
        let expires_at = certificate.expires_at();
        self.metrics.certificate_expires_at(expires_at);
        match certificate.validity() {
            Validity::Valid => {}
            Validity::ExpiresSoon(days) => tracing::warn!(
                days,
                "the TLS certificate is about to expire: renew it, and send SIGHUP"
            ),
            Validity::Expired => tracing::error!(
                "the TLS certificate has expired, and callers refuse it: renew it, and send SIGHUP"
            ),
        }
        let now = mdm_contract::time::now() / 1000;
        match expires_at.checked_sub(now) {
            Some(left) if left > 0 => CERTIFICATE_INTERVAL.min(Duration::from_secs(left)),
            _ => CERTIFICATE_INTERVAL,
        }
    }
}
