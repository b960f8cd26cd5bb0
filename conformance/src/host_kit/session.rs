//! A session with the program of a host, which is started again if it fails.

use super::program::{Program, ProgramError, beginning};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, process::Command};

/// A session with the program of a host.
pub(super) struct Session<'a> {
    command: &'a mut Command,
    program: Option<Program>,
    /// The name of the host.
    pub(super) host: String,
    /// The cases that the host can't pass, each with the reason.
    pub(super) exceptions: BTreeMap<String, String>,
}

/// The answer to `start`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Started {
    host: String,
    #[serde(default)]
    exceptions: BTreeMap<String, String>,
}

impl<'a> Session<'a> {
    /// Starts the program, and asks who it is.
    pub(super) fn start(command: &'a mut Command) -> Result<Self, ProgramError> {
        let (program, started) = started(command)?;
        Ok(Self {
            command,
            program: Some(program),
            host: started.host,
            exceptions: started.exceptions,
        })
    }

    /// Asks the program, and starts it before if it has failed.
    pub(super) fn ask(&mut self, request: &Value) -> Result<Value, ProgramError> {
        let mut program = match self.program.take() {
            Some(program) => program,
            None => started(self.command)?.0,
        };
        let answer = program.ask(request)?;
        self.program = Some(program);
        Ok(answer)
    }

    /// Asks for something that must succeed.
    pub(super) fn require(&mut self, request: &Value) -> Result<(), ProgramError> {
        let answer = self.ask(request)?;
        match answer.get("ok") {
            Some(_) => Ok(()),
            None => Err(wrong(request, "it must be {\"ok\": null}", &answer)),
        }
    }
}

fn started(command: &mut Command) -> Result<(Program, Started), ProgramError> {
    let request = json!({"start": {}});
    let mut program = Program::start(command)?;
    let answer = program.ask(&request)?;
    let started = Started::deserialize(&answer);
    let started = started.map_err(|error| wrong(&request, &error.to_string(), &answer))?;
    Ok((program, started))
}

fn wrong(request: &Value, fault: &str, answer: &Value) -> ProgramError {
    ProgramError::Answer {
        request: beginning(&request.to_string()),
        fault: fault.to_owned(),
        answer: beginning(&answer.to_string()),
    }
}
