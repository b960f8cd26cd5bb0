//! Standard output and standard error of a command. `println!` would panic once its reader is gone, as in
//! `mdm-server device list | head -1`.

use crate::escape::Escaped;
use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind, Write as _, stderr, stdout},
    iter,
    process::ExitCode,
};

/// The error of output.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The reader is gone: the command ends without a failure.
    #[error("the reader of the output has closed it")]
    ReaderGone,
    /// The operating system refused.
    #[error(transparent)]
    Failed(io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(error),
        }
    }
}

/// Prints a line.
pub fn line(text: impl fmt::Display) -> Result<(), OutputError> {
    Ok(writeln!(stdout(), "{text}")?)
}

/// Prints a text, which ends its lines itself.
pub fn text(text: impl fmt::Display) -> Result<(), OutputError> {
    let mut output = stdout();
    write!(output, "{text}")?;
    Ok(output.flush()?)
}

/// The exit status of a program. Prints why it failed: one escaped line on standard error, after the program's name.
/// [`OutputError::ReaderGone`] is no failure.
pub fn exit_code<E>(program: &str, ended: Result<(), E>) -> ExitCode
where
    E: AsRef<dyn Error + Send + Sync> + fmt::Display,
{
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_reader_gone(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = format!("{error:#}");
            // Standard error may have no reader.
            let _ = writeln!(stderr(), "{program}: {}", Escaped(&error));
            ExitCode::FAILURE
        }
    }
}

fn is_reader_gone(error: &(dyn Error + 'static)) -> bool {
    let mut causes = iter::successors(Some(error), |&error| error.source());
    causes.any(|cause| matches!(cause.downcast_ref(), Some(OutputError::ReaderGone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_reader_that_is_gone_is_no_failure_whatever_was_said_about_it() {
        let gone =
            || anyhow::Error::from(OutputError::from(io::Error::from(ErrorKind::BrokenPipe)));
        let full = OutputError::from(io::Error::from(ErrorKind::StorageFull));
        for (ended, code) in [
            (Ok(()), ExitCode::SUCCESS),
            (Err(gone()), ExitCode::SUCCESS),
            (Err(gone().context("a page")), ExitCode::SUCCESS),
            (Err(full.into()), ExitCode::FAILURE),
            (Err(anyhow!("refused")), ExitCode::FAILURE),
        ] {
            let text = format!("{ended:?}");
            assert_eq!(exit_code("test", ended), code, "{text}");
        }
    }
}
