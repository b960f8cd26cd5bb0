//! A program around a host: requests on its stdin, answers on its stdout, a line of JSON each.

use serde_json::Value;
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

/// The time that a program has for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum length of an answer, in bytes.
const MAX_ANSWER_BYTES: u64 = 4 << 20;

/// The error of a program around a host.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It can't be started.
    #[error("it can't be started: {0}")]
    Start(#[source] io::Error),
    /// It gave no answer in time.
    #[error("no answer to {request} in {} s", ANSWER_TIMEOUT.as_secs())]
    Silent {
        /// The name of the request.
        request: String,
    },
    /// It ended, or closed its stdin or its stdout.
    #[error("it ended instead of answering {request}")]
    Ended {
        /// The name of the request.
        request: String,
    },
    /// Its answer is no JSON, too long, or has not the form that the protocol requires.
    #[error("its answer to {request} is wrong: {fault}: {answer}")]
    Answer {
        /// The name of the request.
        request: String,
        /// The fault.
        fault: String,
        /// The beginning of the answer.
        answer: String,
    },
}

/// A running program. It is stopped when this value is dropped.
pub(super) struct Program {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

impl Program {
    /// Starts the program. Its stderr is that of the kit.
    pub(super) fn start(command: &mut Command) -> Result<Self, ProgramError> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(ProgramError::Start)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) =
            pipes.ok_or_else(|| ProgramError::Start(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self {
            child,
            stdin,
            answers: lines(stdout),
        })
    }

    /// Sends a request, an object with one field, and returns its answer.
    pub(super) fn ask(&mut self, request: &Value) -> Result<Value, ProgramError> {
        let name = || {
            let names = request.as_object().into_iter().flat_map(|it| it.keys());
            format!("`{}`", names.cloned().collect::<Vec<_>>().join(" "))
        };
        let ended = |_| ProgramError::Ended { request: name() };
        writeln!(self.stdin, "{request}").map_err(ended)?;
        self.stdin.flush().map_err(ended)?;
        let line = self.answers.recv_timeout(ANSWER_TIMEOUT);
        let line = line.map_err(|error| match error {
            RecvTimeoutError::Timeout => ProgramError::Silent { request: name() },
            RecvTimeoutError::Disconnected => ProgramError::Ended { request: name() },
        })?;
        serde_json::from_str(&line).map_err(|error| ProgramError::Answer {
            request: name(),
            fault: error.to_string(),
            answer: beginning(&line),
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of the program, as they come. The channel closes when the program ends, or writes a line that is too long.
fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        loop {
            let mut line = String::new();
            let read = stdout.by_ref().take(MAX_ANSWER_BYTES).read_line(&mut line);
            let is_whole = read.is_ok() && line.ends_with('\n');
            if !is_whole || sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The beginning of an answer, for an error.
pub(super) fn beginning(answer: &str) -> String {
    answer.chars().take(200).collect()
}
