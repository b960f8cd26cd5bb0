//! A store that was stopped, backed up or restored is whole, and a restore replaces nothing.

use mdm_tests::{
    postgres::Postgres,
    test_environment::{Make, TestEnvironment, text, wait_until},
};
use rusqlite::Connection;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

fn data(env: &TestEnvironment) -> PathBuf {
    env.folder().join("data")
}

/// Runs `mdm-server backup` or `mdm-server restore` on a file, with the data of this host.
fn asked(env: &TestEnvironment, command: &str, file: &Path) -> Output {
    let (file, data) = (file.to_str().unwrap(), data(env));
    env.admin(&[command, file, "--data", data.to_str().unwrap()], "")
        .unwrap()
}

fn done(env: &TestEnvironment, command: &str, file: &Path) -> String {
    let output = asked(env, command, file);
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn refused(env: &TestEnvironment, command: &str, file: &Path, why: &str) {
    let output = asked(env, command, file);
    assert!(!output.status.success(), "{}", text(&output));
    assert!(text(&output).contains(why), "no `{why}`: {}", text(&output));
}

/// All files of a folder with what is in them, except the lock.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file() && !path.ends_with("host.lock"));
    files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn is_known(env: &TestEnvironment, device: &str) -> bool {
    let shown = env.admin(&["device", "show", device], "").unwrap();
    shown.status.success()
}

/// A host that was not started yet, with the host.key and the admin's token of this one.
fn heir(env: &TestEnvironment) -> TestEnvironment {
    let heir = TestEnvironment::unstarted(&[]).unwrap();
    fs::create_dir(data(&heir)).unwrap();
    for file in ["admin.token", "data/host.key"] {
        fs::copy(env.folder().join(file), heir.folder().join(file)).unwrap();
    }
    heir
}

#[test]
fn after_a_stop_a_copy_of_the_database_file_alone_is_the_whole_store() {
    let mut env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    // A read connection is open; it is closed, too.
    assert!(is_known(&env, &phone.id));
    env.stop_host().unwrap();
    assert!(!data(&env).join("mdm.db-wal").exists(), "a log is left");
    let log = env.host_log().unwrap();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    let mut copy = heir(&env);
    fs::copy(data(&env).join("mdm.db"), data(&copy).join("mdm.db")).unwrap();
    copy.start_host().unwrap();
    assert!(is_known(&copy, &phone.id));
}

#[test]
fn a_plain_copy_of_a_stopped_store_is_restored_from_a_folder_that_nobody_may_write_to() {
    let mut env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    env.stop_host().unwrap();
    // A name with what means something in a URI.
    let folder = env.folder().join("100% #1?");
    fs::create_dir(&folder).unwrap();
    let copy = folder.join("mdm copy.db");
    fs::copy(data(&env).join("mdm.db"), &copy).unwrap();
    let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    let before = files(&folder);
    let mut elsewhere = heir(&env);
    mode(0o555);
    let output = asked(&elsewhere, "restore", &copy);
    let after = files(&folder);
    mode(0o755);
    assert!(output.status.success(), "{}", text(&output));
    // Also for root, which could write there.
    assert!(after == before, "{:?}", after.keys());
    elsewhere.start_host().unwrap();
    assert!(is_known(&elsewhere, &phone.id));
}

#[test]
fn a_backup_of_a_host_that_serves_is_whole_private_and_restored_elsewhere() {
    let env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let file = env.folder().join("backup.db");
    let (is_over, written) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                env.ask(&["device", "enroll"], "").unwrap();
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
        wait_until(
            "the host writes",
            || Ok(written.load(Ordering::Relaxed) > 1),
        )
        .unwrap();
        let output = asked(&env, "backup", &file);
        is_over.store(true, Ordering::Relaxed);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("host.key"), "{said}");
    });
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&file).unwrap();
    refused(&env, "backup", &file, "is there already");
    assert!(fs::read(&file).unwrap() == before, "it was overwritten");
    assert!(
        !fs::read_dir(env.folder()).unwrap().any(|entry| entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".mdm-")),
        "a temporary file is left"
    );

    let mut elsewhere = heir(&env);
    done(&elsewhere, "restore", &file);
    assert!(fs::read(&file).unwrap() == before, "the backup was changed");
    elsewhere.start_host().unwrap();
    assert!(is_known(&elsewhere, &phone.id));
    let verified = elsewhere.verify_audit(&[]).unwrap();
    assert!(verified.status.success(), "{}", text(&verified));
    let trail = Connection::open(data(&elsewhere).join("mdm.db")).unwrap();
    let restored: String = trail
        .query_row(
            "select detail from audit where action = 'restore'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(restored.ends_with("backup.db"), "{restored}");
}

#[test]
fn a_backup_has_nothing_of_what_was_deleted() {
    let env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let reset = ["password", "reset", &phone.id, "--yes"];
    let command = env.ask(&reset, "1234").unwrap();
    let sealed = |file: &Path| -> String {
        let query = "select coalesce(max(sealed), '') from outbox";
        let file = Connection::open(file).unwrap();
        file.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let sealed = sealed(&data(&env).join("mdm.db"));
    assert!(sealed.len() > 50, "{sealed}");
    let id = command["id"].as_str().unwrap();
    env.ask(&["password", "cancel", &phone.id, id], "").unwrap();
    let file = env.folder().join("backup.db");
    done(&env, "backup", &file);
    let copy = fs::read(&file).unwrap();
    let found = |text: &str| copy.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(found(&phone.id), "nothing is found in it");
    assert!(!found(&sealed[..50]));
}

#[test]
fn a_restore_replaces_no_store_and_runs_beside_no_host() {
    let mut env = TestEnvironment::start().unwrap();
    let file = env.folder().join("backup.db");
    done(&env, "backup", &file);
    let process = format!("is in use by process {}", env.host_process().unwrap());
    refused(&env, "restore", &file, &process);
    env.stop_host().unwrap();
    let before = files(&data(&env));
    refused(&env, "restore", &file, "mdm.db is there already");
    assert!(files(&data(&env)) == before, "the folder was changed");
    // The log of another database would be read as part of the restored one.
    fs::rename(data(&env).join("mdm.db"), data(&env).join("mdm.db-wal")).unwrap();
    refused(&env, "restore", &file, "mdm.db-wal is there already");
    fs::remove_file(data(&env).join("mdm.db-wal")).unwrap();
    done(&env, "restore", &file);
    env.start_host().unwrap();
}

#[test]
fn a_restore_takes_only_a_whole_store_of_this_version_and_of_the_folders_key() {
    let mut env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let file = env.folder().join("backup.db");
    done(&env, "backup", &file);
    env.stop_host().unwrap();
    let whole = fs::read(&file).unwrap();
    let heir = heir(&env);
    let before = files(&data(&heir));
    let refuses = |why: &str| {
        refused(&heir, "restore", &file, why);
        assert!(files(&data(&heir)) == before, "the folder was changed");
    };
    let changed = |sql: &str| {
        fs::write(&file, &whole).unwrap();
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    };

    fs::write(
        &file,
        "PGDMP is of another program, and this text is no database.",
    )
    .unwrap();
    refuses("is not a database");
    // A page in the middle is lost, as on a bad disk.
    let mut damaged = whole.clone();
    let id = phone.id.as_bytes();
    let at = damaged.windows(id.len()).position(|it| it == id).unwrap();
    let page = at / 4096 * 4096;
    damaged[page..page + 4096].fill(0xa5);
    fs::write(&file, damaged).unwrap();
    refuses("is damaged");
    fs::write(&file, "").unwrap();
    refuses("it is no backup");
    changed("alter table commands drop column late_outcome");
    refuses("column commands.late_outcome is missing");
    changed("insert into schema_history values (99, 'later', '', '0')");
    refuses("run a newer server");
    changed("update host set verifying_key = x'04'");
    refused(&heir, "restore", &file, "was not restored");
    fs::remove_file(&file).unwrap();
    refuses("there is no file");

    fs::write(&file, &whole).unwrap();
    fs::write(data(&heir).join("host.key"), [7; 32]).unwrap();
    refused(&heir, "restore", &file, "belongs to another host.key");
    assert!(!data(&heir).join("mdm.db").exists());
    fs::remove_file(data(&heir).join("host.key")).unwrap();
    let said = done(&heir, "restore", &file);
    assert!(
        said.contains("put the host.key that belongs to it"),
        "{said}"
    );
}

#[test]
fn for_postgresql_the_commands_are_printed_work_and_show_no_password() {
    let postgres = Postgres::start().unwrap();
    let (one, two) = (
        postgres.database("mdm").unwrap(),
        postgres.database("restored").unwrap(),
    );
    let mut env = TestEnvironment::with(&["--store", &one], "info").unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let file = env.folder().join("back up.dump");
    let printed = |command: &str, url: &str| {
        let file = file.to_str().unwrap();
        let output = env.admin(&[command, file, "--store", url], "").unwrap();
        // A script must not take it for done.
        assert!(!output.status.success());
        let said = text(&output);
        assert!(said.contains("host.key"), "{said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let secret = one.replace("//mdm@", "//mdm:quartz-secret@");
    assert!(!printed("backup", &secret).contains("quartz"));
    postgres.shell(&printed("backup", &one)).unwrap();
    postgres.shell(&printed("restore", &two)).unwrap();
    env.stop_host().unwrap();

    // Nonces are not restored, so signatures from before are rejected.
    let remembered = "select count(*) from nonce_epoch";
    assert_eq!(postgres.ask("mdm", remembered).unwrap(), "1");
    assert_eq!(postgres.ask("restored", remembered).unwrap(), "0");
    let mut restored = TestEnvironment::unstarted(&["--store", &two]).unwrap();
    fs::create_dir(data(&restored)).unwrap();
    for file in ["admin.token", "data/host.key"] {
        fs::copy(env.folder().join(file), restored.folder().join(file)).unwrap();
    }
    restored.start_host().unwrap();
    assert!(is_known(&restored, &phone.id));
}
