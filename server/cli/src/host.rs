//! The options that name the host to ask.

use clap::Args;
use std::path::PathBuf;

/// The server, the token, and the output format.
#[derive(Args, Clone)]
pub(super) struct Host {
    /// The server's URL.
    #[arg(
        long,
        env = "MDM_URL",
        default_value = "http://127.0.0.1:7878",
        global = true
    )]
    pub(super) url: String,
    /// A file with the admin's token. Without it, the token is taken from MDM_TOKEN.
    #[arg(long, env = "MDM_TOKEN_FILE", global = true)]
    pub(super) token_file: Option<PathBuf>,
    /// A PEM file with the certificate authority of the server, if the system doesn't know it.
    #[arg(long, env = "MDM_CA_FILE", global = true)]
    pub(super) ca_file: Option<PathBuf>,
    /// Print JSON, for scripts.
    #[arg(long, global = true)]
    pub(super) json: bool,
}
