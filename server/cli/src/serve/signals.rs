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
    /// The time between the stop signal and the end of serving, in seconds, during which /ready fails: as long as a
    /// load balancer needs to notice.
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
    /// From now on they end no process by themselves.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them. From then on another one ends the process at once.
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
    /// `None`: the host listens without TLS.
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
                () = sleep(self.tell()) => {}
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
                tracing::error!(%error, "SIGHUP: the certificate was not reloaded, and stays as it was");
            }
        }
    }

    /// Logs the validity of the certificate, and returns the time of the next log line.
    fn tell(&self) -> Duration {
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
