//! The load env, for a moment: that it works, and that nothing is lost under load.

use mdm_tests::load::{
    database::Database,
    fleet::Fleet,
    mix::{self, Mix},
};
use std::time::Duration;

#[test]
fn under_load_every_accepted_command_gets_its_outcome_or_waits_for_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let env = mix::env(&[]).unwrap();
        let database = Database::Sqlite(env.folder().join("data/mdm.db"));
        let mut fleet = Fleet::new(env, database, 1000).await.unwrap();
        let mix = Mix {
            agents: 100,
            resets: 8,
            syncs: 4,
            time: Duration::from_secs(2),
        };
        let mut measured = mix::run(&fleet, mix).await.unwrap();
        fleet.env.kill_host().unwrap();
        mix::check(&fleet, &measured.accepted).unwrap();
        assert!(measured.outcomes.count() > 0 && measured.syncs.count() > 0);
        assert_eq!(measured.reports.count(), measured.outcomes.count());
        // The check sees what it is there for.
        measured.accepted[0].command = "another".into();
        let lost = mix::check(&fleet, &measured.accepted);
        assert!(lost.unwrap_err().to_string().contains("is lost"));
    });
}
