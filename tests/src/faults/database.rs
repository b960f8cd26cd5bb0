//! PostgreSQL under two replicas is killed or can't be written for a while, or one of the replicas is killed.

use super::{fault::Fault, fleet::Fleet, stage::Stage};

/// SIGKILL of PostgreSQL, or an operator who makes it read-only.
pub(super) struct Database(Fleet);

/// SIGKILL of one replica, while the other goes on.
pub(super) struct Replica(Fleet);

impl Database {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let (stage, fleet) = Fleet::set_up(seed)?;
        Ok((stage, Box::new(Self(fleet))))
    }
}

impl Replica {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let (stage, fleet) = Fleet::set_up(seed)?;
        Ok((stage, Box::new(Self(fleet))))
    }
}

impl Fault for Database {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let postgres = &mut self.0.postgres;
        if stage.random.u8(0..3) > 0 {
            postgres.kill()?;
            stage.pass(0..=500);
            return postgres.start_again();
        }
        for is_read_only in ["on", "off"] {
            let set = format!("alter system set default_transaction_read_only = {is_read_only}");
            postgres.ask("mdm", &set)?;
            postgres.ask("mdm", "select pg_reload_conf()")?;
            stage.pass(50..=500);
        }
        Ok(())
    }
}

impl Fault for Replica {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let is_first = stage.random.bool();
        let killed = if is_first {
            &mut stage.env
        } else {
            &mut self.0.second
        };
        killed.kill_host()?;
        stage.pass(0..=500);
        let killed = if is_first {
            &mut stage.env
        } else {
            &mut self.0.second
        };
        killed.start_host()
    }
}
