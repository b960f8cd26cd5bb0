//! Fault tests: each kind of fault strikes at random instants under load, repeatedly. After each round, the
//! [`checker`](crate::checker) judges the history.
//!
//! A seed decides what clients ask for, what is struck, and when. What the machine makes of that is never quite the
//! same: a failure may need some runs of its seed to come again.

mod broker;
mod caller;
mod clock;
mod database;
mod disk;
mod fault;
mod fleet;
mod frozen;
mod keys;
mod kills;
mod load;
mod network;
mod read_only;
mod record;
mod reports;
mod restores;
mod stage;
mod tally;

pub use tally::CommandCounts;

use crate::{checker::Violation, test_environment::program};
use anyhow::{bail, ensure};
use fault::Fault;
use stage::Stage;

/// The rounds of a stage. After them another one is set up, with the next seed.
const ROUNDS_OF_STAGE: u32 = 25;

mdm_contract::text_enum! {
    /// The kinds of faults.
    Kind {
        /// SIGKILL of the host.
        Host = "host",
        /// SIGKILL of the host, and idempotency keys that are repeated afterwards.
        Keys = "keys",
        /// SIGKILL of agents.
        Agent = "agent",
        /// SIGKILL of both.
        Both = "both",
        /// SIGKILL of PostgreSQL under two replicas, or it can't be written.
        Database = "database",
        /// SIGKILL of one of two replicas.
        Replica = "replica",
        /// SIGSTOP of one of two replicas.
        FrozenReplica = "frozen-replica",
        /// SIGSTOP of the leader of two replicas.
        FrozenLeader = "frozen-leader",
        /// SIGSTOP of PostgreSQL under two replicas.
        SilentDatabase = "silent-database",
        /// SIGKILL of the MQTT broker.
        Broker = "broker",
        /// The disk of the database is full.
        Disk = "disk",
        /// The database can't be written.
        ReadOnly = "read-only",
        /// An older backup of the store is restored.
        Restore = "restore",
        /// The clocks of host and agents step back and forward.
        Clock = "clock",
        /// The network is cut, half-cut, slow, or gone in the middle of an answer.
        Network = "network",
        /// Reports come late, twice, and not in their order.
        Reports = "reports",
    }
}

/// A run of a kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The kind.
    pub kind: Kind,
    /// The seed of everything random.
    pub seed: u64,
    /// The number of rounds.
    pub rounds: u32,
}

impl Kind {
    fn set_up(self, seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        match self {
            Self::Host => Ok((Stage::new(seed)?, Box::new(kills::Host))),
            Self::Keys => Ok((Stage::new(seed)?, Box::new(keys::Repeated))),
            Self::Agent => Ok((Stage::new(seed)?, Box::new(kills::Agents))),
            Self::Both => Ok((Stage::new(seed)?, Box::new(kills::Both))),
            Self::Database => database::Database::set_up(seed),
            Self::Replica => database::Replica::set_up(seed),
            Self::FrozenReplica => frozen::Replica::set_up(seed),
            Self::FrozenLeader => frozen::Leader::set_up(seed),
            Self::SilentDatabase => frozen::Database::set_up(seed),
            Self::Broker => broker::Killed::set_up(seed),
            Self::Disk => disk::FullDisk::set_up(seed),
            Self::ReadOnly => read_only::ReadOnly::set_up(seed),
            Self::Restore => Ok((Stage::new(seed)?, Box::new(restores::Older::default()))),
            Self::Clock => clock::Clocks::set_up(seed),
            Self::Network => network::Network::set_up(seed),
            Self::Reports => Ok((Stage::new(seed)?, Box::new(reports::Reports))),
        }
    }
}

impl Plan {
    /// Carries it out, and tells how it goes. An error says what must not have happened, and how to make it happen
    /// again.
    pub fn run(self) -> anyhow::Result<()> {
        let Self { kind, seed, rounds } = self;
        if kind == Kind::Disk && !disk::is_inside() {
            return self.run_inside();
        }
        println!("{kind}: {rounds} rounds from seed {seed}");
        let (mut tally, mut left, mut seed) = (CommandCounts::default(), rounds, seed);
        while left > 0 {
            let here = left.min(ROUNDS_OF_STAGE);
            let (mut stage, mut fault) = kind.set_up(seed)?;
            for round in 0..here {
                let failure = match play(&mut stage, fault.as_mut()) {
                    Ok(violations) if violations.is_empty() => continue,
                    Ok(violations) => in_words(&violations),
                    Err(error) => format!("{error:#}"),
                };
                let folder = stage.env.keep_folder().display();
                bail!(
                    "{kind}, seed {seed}, round {round}:\n{failure}\nthe files of host and devices are kept in \
                     {folder}; again: cargo xtask faults --kind {kind} --seed {seed} --rounds {ROUNDS_OF_STAGE}",
                );
            }
            fault.was_in_vain(&stage)?;
            tally = tally + stage.tally();
            left -= here;
            seed = seed.wrapping_add(1);
        }
        println!("{kind}: {rounds} rounds, {tally}");
        // Of a host that refuses everything, nothing is lost either.
        ensure!(
            tally.accepted > 0 && tally.carried_out > 0,
            "{kind}: nothing was accepted and carried out, so nothing is shown: {tally}"
        );
        Ok(())
    }
}

impl Plan {
    /// The same in a process that may mount a small disk.
    fn run_inside(self) -> anyhow::Result<()> {
        let Self { kind, seed, rounds } = self;
        let arguments = [
            ("--kind", kind.to_string()),
            ("--seed", seed.to_string()),
            ("--rounds", rounds.to_string()),
        ];
        let arguments = arguments.map(|(name, value)| [name.to_owned(), value]);
        let status = disk::inside(&program("faults")?, &arguments.concat())?;
        ensure!(
            status.success(),
            "{kind}, from seed {seed}: what it has printed says what was wrong"
        );
        Ok(())
    }
}

/// One round: the fault strikes under load; then everything comes to rest, and the history is checked.
fn play(stage: &mut Stage, fault: &mut dyn Fault) -> anyhow::Result<Vec<Violation>> {
    stage.begin();
    stage.pass(20..=400);
    fault.strike(stage)?;
    stage.pass(20..=200);
    stage.complete()
}

fn in_words(violations: &[Violation]) -> String {
    let lines: Vec<String> = violations.iter().map(|it| format!("  {it}")).collect();
    lines.join("\n")
}
