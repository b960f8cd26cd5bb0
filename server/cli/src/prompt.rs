//! Questions to the person at the terminal.

use anyhow::{Context as _, bail};
use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};
use zeroize::Zeroizing;

/// Reads a password: typed without an echo, or the first line of standard input. Never an argument, which every user of
/// the machine could read.
pub(super) fn password() -> anyhow::Result<Zeroizing<String>> {
    if stdin().is_terminal() {
        let typed =
            rpassword::prompt_password("New password: ").context("no password was typed")?;
        return Ok(Zeroizing::new(typed));
    }
    let mut line = Zeroizing::new(String::new());
    stdin()
        .lock()
        .read_line(&mut line)
        .context("standard input can't be read")?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    if line.is_empty() {
        bail!("no password: give it as the first line of standard input");
    }
    Ok(line)
}

/// Asks for a yes, unless it was given with the command.
pub(super) fn confirm(yes: bool, question: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !stdin().is_terminal() {
        bail!("nobody is there to confirm: add --yes if you mean it");
    }
    write!(stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("not confirmed: nothing was sent");
    }
    Ok(())
}
