//! Standard output: what a command prints for people and scripts. `println!` would panic once its reader is gone, as in
//! `mdm-server device list | head -1`.

use std::{
    fmt,
    io::{self, ErrorKind, Write as _, stdout},
};

/// The reader of standard output is gone: the command ends, and that is no failure.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub(super) struct ReaderGone;

/// Prints a line.
pub(super) fn line(text: impl fmt::Display) -> anyhow::Result<()> {
    writeln!(stdout(), "{text}").map_err(not_written)
}

/// Prints a text, which ends its lines itself.
pub(super) fn text(text: impl fmt::Display) -> anyhow::Result<()> {
    let mut output = stdout();
    write!(output, "{text}")
        .and_then(|()| output.flush())
        .map_err(not_written)
}

/// Why output was not written.
pub(super) fn not_written(error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => error.into(),
    }
}
