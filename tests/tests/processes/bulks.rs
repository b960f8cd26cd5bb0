//! Bulks of a host that is killed in the middle of them, and of one with a large fleet.

use mdm_agent_protocol::{sealing::PrivateKey, signing_key::SigningKey};
use mdm_server_core::{
    access::Caller,
    audit::AuditEntry,
    store::{Enrollment as _, NewDevice},
};
use mdm_server_sqlite::SqliteStore;
use mdm_tests::{
    device_info::owner,
    load::{
        database::{Database, EVERYBODY, GROUP},
        fleet::Fleet,
    },
    memory,
    postgres::Postgres,
    test_environment::{TIMEOUT, TestEnvironment, text, wait_until},
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const DEVICES: usize = 600;

fn database(env: &TestEnvironment) -> PathBuf {
    env.folder().join("data/mdm.db")
}

/// Puts devices into the group `sales` of a host that is down.
async fn put_devices(database: &Path, devices: usize) {
    let store = SqliteStore::open(database).unwrap();
    let put = async |number: usize| {
        let token = mdm_server_core::token::digest(&format!("enrollment {number}"));
        let audit = AuditEntry::new(1, &Caller::host(), "add-enrollment-token");
        let groups = vec!["sales".to_owned()];
        store
            .add_enrollment_token(token, groups, 1000, audit.into())
            .await
            .unwrap();
        let device = NewDevice {
            id: format!("device-{number:04}"),
            // A spreadsheet would compute it.
            name: format!("=1+{number}"),
            public_key: PrivateKey::generate().1,
            signing_key: SigningKey::generate().unwrap().verifying_key().clone(),
            device_info: owner(),
            at: 1,
        };
        assert!(store.enroll(token, device).await.unwrap());
    };
    futures_util::future::join_all((0..devices).map(put)).await;
}

fn env_with_group(devices: usize) -> TestEnvironment {
    let mut env = TestEnvironment::start().unwrap();
    env.kill_host().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(put_devices(&database(&env), devices));
    env.start_host().unwrap();
    env
}

#[test]
fn a_host_that_is_killed_in_the_middle_of_a_bulk_goes_on_and_makes_no_second_command() {
    let mut env = env_with_group(DEVICES);
    let bulk = env
        .ask(&["bulk", "reset", "sales", "--yes"], "1234")
        .unwrap();
    let id = bulk["id"].as_str().unwrap().to_owned();
    let deadline = Instant::now() + TIMEOUT;
    while made(&env) == 0 {
        assert!(Instant::now() < deadline, "nothing was made");
        std::thread::sleep(Duration::from_millis(1));
    }
    env.kill_host().unwrap();
    let made = made(&env);
    assert!(
        made > 0 && made < DEVICES,
        "{made} were made before the kill"
    );
    env.start_host().unwrap();
    wait_until("the bulk is done", || {
        Ok(env.ask(&["bulk", "show", &id], "")?["state"] == "waiting-for-devices")
    })
    .unwrap();
    let database = rusqlite::Connection::open(database(&env)).unwrap();
    let each = "select count(*), count(distinct device), count(bulk) from commands";
    let (all, devices, of_bulk): (usize, usize, usize) = database
        .query_row(each, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!((all, devices, of_bulk), (DEVICES, DEVICES, DEVICES));
    let password: Option<Vec<u8>> = database
        .query_row("select sealed_password from bulks", [], |row| row.get(0))
        .unwrap();
    assert_eq!(password, None, "it is forgotten");
}

/// The number of commands of bulks.
fn made(env: &TestEnvironment) -> usize {
    let database = rusqlite::Connection::open(database(env)).unwrap();
    let count = "select count(*) from commands where bulk is not null";
    database.query_row(count, [], |row| row.get(0)).unwrap()
}

#[test]
fn the_report_and_the_password_export_of_a_bulk_are_tables_that_no_spreadsheet_computes() {
    let env = env_with_group(3);
    let export = env.folder().join("passwords.csv");
    let export_path = export.to_str().unwrap();
    let asked = [
        "bulk",
        "reset",
        "sales",
        "--unique-passwords",
        export_path,
        "--yes",
    ];
    let bulk = env.ask(&asked, "").unwrap();
    assert_eq!(bulk["progress"]["pending"], 3);
    let export = std::fs::read_to_string(&export).unwrap();
    let lines: Vec<&str> = export.lines().collect();
    assert_eq!(lines[0], "device,name,password,status,command,why");
    assert_eq!(lines.len(), 4);
    for line in &lines[1..] {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(cells[1].starts_with("'=1+"), "{line}");
        assert!(
            cells[2].len() == 4 && cells[2].parse::<u16>().is_ok(),
            "{line}"
        );
        let files = [database(&env), database(&env).with_extension("db-wal")];
        for bytes in files.iter().filter_map(|file| std::fs::read(file).ok()) {
            let passwords = format!("\"{}\"", cells[2]);
            assert!(!bytes.windows(6).any(|it| it == passwords.as_bytes()));
        }
    }
    let id = bulk["id"].as_str().unwrap();
    let report = env.admin(&["bulk", "report", id], "").unwrap();
    let report = text(&report);
    assert!(report.starts_with("device,name,command,status,why,requested at,completed at\n"));
    assert_eq!(report.matches(",'=1+").count(), 3, "{report}");
    assert_eq!(report.matches(",pending,").count(), 3, "{report}");
    // A second download is refused.
    let again = env.folder().join("again.csv");
    let again = env
        .refused(&["bulk", "export", id, again.to_str().unwrap()], "")
        .unwrap();
    assert_eq!(again["type"], "bulk-state");
}

#[test]
fn when_the_replica_that_runs_a_bulk_is_killed_the_other_goes_on_and_makes_no_second_command() {
    let server = Postgres::start().unwrap();
    let url = server.database("mdm").unwrap();
    let env = TestEnvironment::with(&["--store", &url], "info").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fleet = Fleet::new(env, Database::Postgres(server, "mdm"), 2 * DEVICES);
    let mut fleet = runtime.block_on(fleet).unwrap();
    let Database::Postgres(server, _) = &fleet.database else {
        unreachable!()
    };
    let ask = |query: &str| server.ask("mdm", query).unwrap();
    // This host holds the lease, as there is no other yet.
    let leaders = "select count(*) from leadership where expires_at > clock_timestamp()";
    wait_until("the first replica leads", || Ok(ask(leaders) == "1")).unwrap();
    let second = TestEnvironment::replica_of(&fleet.env).unwrap();
    let asked = ["bulk", "reset", EVERYBODY, "--yes"];
    let bulk = second.ask(&asked, "1234").unwrap();
    let id = bulk["id"].as_str().unwrap();
    let made = || -> usize {
        let count = "select count(*) from commands where bulk is not null";
        ask(count).parse().unwrap()
    };
    wait_until("some commands are made", || Ok(made() > 0)).unwrap();
    fleet.env.kill_host().unwrap();
    let (made, all) = (made(), fleet.devices() + 1);
    assert!(made < all, "it was over before the kill");
    wait_until("the bulk is done", || {
        Ok(second.ask(&["bulk", "show", id], "")?["state"] == "waiting-for-devices")
    })
    .unwrap();
    let each = "select count(*), count(distinct device) from commands where bulk is not null";
    assert_eq!(ask(each), format!("{all}|{all}"), "{made} before the kill");
    let verified = second.verify_audit(&[]).unwrap();
    assert!(verified.status.success(), "{}", text(&verified));
}

/// The size of a large fleet: four groups, and many pages of a bulk.
const LARGE: usize = 4 * GROUP;

/// Additional memory allowed for a bulk of all devices against a bulk of one group, in bytes: for the read connections'
/// caches, which are bounded. A server that reads all devices at once takes three times as much.
const MORE: u64 = 16 << 20;

#[test]
fn a_bulk_of_a_large_fleet_takes_no_more_memory_than_one_of_a_small_one() {
    let env = TestEnvironment::start().unwrap();
    let file = database(&env);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fleet = Fleet::new(env, Database::Sqlite(file.clone()), LARGE);
    let fleet = runtime.block_on(fleet).unwrap();
    let host = fleet.env.host_process().unwrap();
    let run = |group: &str| {
        let asked = ["bulk", "reset", group, "--replace-pending", "--yes"];
        let bulk = fleet.env.ask(&asked, "1234").unwrap();
        let show = ["bulk", "show", bulk["id"].as_str().unwrap()];
        // It is a matter of seconds, on a machine that has nothing else to do.
        let deadline = Instant::now() + 4 * TIMEOUT;
        while fleet.env.ask(&show, "").unwrap()["state"] != "waiting-for-devices" {
            assert!(Instant::now() < deadline, "the bulk is not done");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    // The first bulk allocates the one-time memory of threads, connections and pages.
    run(&Fleet::group(1));
    let before = memory::resident(host).unwrap();
    memory::forget_peak(host).unwrap();
    run(EVERYBODY);
    let grown = memory::peak(host).unwrap().saturating_sub(before);
    let database = rusqlite::Connection::open(file).unwrap();
    let query = "select count(*) from outbox where sealed is not null";
    let commands: usize = database.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(commands, LARGE + 1);
    assert!(grown < MORE, "{grown} bytes more for {commands} commands");
}
