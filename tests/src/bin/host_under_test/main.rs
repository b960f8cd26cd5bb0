//! Our host, as the kit for hosts drives it: `mdm-plugin check-host -- host-under-test`. With `--wrong NAME` it breaks
//! one promise.

mod platform;
mod requests;
mod session;
mod wrong;

use session::Session;
use std::{
    env,
    io::{self, BufRead as _, Write as _},
};
use wrong::Wrong;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let wrong = match arguments.as_slice() {
        [option, name] if option == "--wrong" => Some(Wrong::parse(name)?),
        [] => None,
        _ => anyhow::bail!("host-under-test [--wrong NAME]"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut session = Session::new(wrong)?;
    for line in io::stdin().lock().lines() {
        let answer = runtime.block_on(session.answer(serde_json::from_str(&line?)?))?;
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}
