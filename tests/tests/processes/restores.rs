//! A store that is replaced by an older copy of itself: the host notices, by the file beside `host.key` or by what
//! agents have seen, and what was cancelled, revoked or changed since is not undone.

use mdm_tests::{
    as_agent::AsAgent,
    postgres::Postgres,
    test_environment::{Device, Make, TestEnvironment, ready, text, wait_until},
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// By what a restore shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// By the file beside `host.key`.
    File,
    /// By agents alone: the whole folder was put back.
    Agents,
}

/// A host whose store is copied, and put back by hand.
struct Stage {
    env: TestEnvironment,
    postgres: Option<Postgres>,
    evidence: Evidence,
}

impl Stage {
    fn all() -> impl Iterator<Item = Self> {
        let stores = [false, true];
        let evidence = [Evidence::File, Evidence::Agents];
        stores
            .into_iter()
            .flat_map(move |is_postgres| evidence.map(|evidence| Self::new(is_postgres, evidence)))
    }

    fn new(is_postgres: bool, evidence: Evidence) -> Self {
        let postgres = is_postgres.then(|| Postgres::start().unwrap());
        let env = match &postgres {
            Some(server) => {
                TestEnvironment::with(&["--store", &server.database("mdm").unwrap()], "info")
            }
            None => TestEnvironment::start(),
        };
        Self {
            env: env.unwrap(),
            postgres,
            evidence,
        }
    }

    fn phone(&self, name: &str) -> Device {
        let make = Make {
            name,
            ..Make::default()
        };
        self.env.enroll(make).unwrap()
    }

    fn reset(&self, phone: &Device) -> Value {
        let reset = ["password", "reset", &phone.id, "--yes"];
        self.env.ask(&reset, "1234").unwrap()
    }

    fn held(&self) -> Value {
        self.env.ask(&["held", "list"], "").unwrap()
    }

    /// Copies the store while no host uses it.
    fn copies_store(&mut self) {
        self.env.kill_host().unwrap();
        match &self.postgres {
            Some(server) => {
                let copy = "create database saved template mdm";
                wait_until("the store is copied", || {
                    Ok(server.ask("postgres", copy).is_ok())
                })
                .unwrap();
            }
            None => self.for_each_file(|there, saved| {
                if there.exists() {
                    fs::copy(there, saved).unwrap();
                }
            }),
        }
        self.env.start_host().unwrap();
    }

    /// Puts the copy in the place of the store.
    fn puts_copy_back(&mut self) {
        self.env.kill_host().unwrap();
        match &self.postgres {
            Some(server) => {
                server
                    .ask("postgres", "drop database mdm with (force)")
                    .unwrap();
                server
                    .ask("postgres", "create database mdm template saved")
                    .unwrap();
            }
            None => self.for_each_file(|there, saved| {
                let _ = fs::remove_file(&there);
                if saved.exists() {
                    fs::copy(saved, there).unwrap();
                }
            }),
        }
        if self.evidence == Evidence::Agents {
            fs::remove_file(self.env.folder().join("data/history.json")).unwrap();
        }
        self.env.start_host().unwrap();
    }

    fn for_each_file(&self, each: impl Fn(PathBuf, PathBuf)) {
        let (data, saved) = (
            self.env.folder().join("data"),
            self.env.folder().join("saved"),
        );
        fs::create_dir_all(&saved).unwrap();
        for file in ["mdm.db", "mdm.db-wal"] {
            each(data.join(file), saved.join(file));
        }
        let _ = fs::remove_file(data.join("mdm.db-shm"));
    }

    /// The agent syncs, and so has seen how far the store is by now.
    fn is_seen_by(&self, phone: &mut Device) {
        let seen = |phone: &Device| {
            let state = fs::read(self.env.folder().join(&phone.name).join("agent.json"))?;
            let state: Value = serde_json::from_slice(&state)?;
            Ok::<_, anyhow::Error>(state["witness"].clone())
        };
        // One more line, so that there is something new to see.
        self.env.ask(&["device", "enroll"], "").unwrap();
        let history = self.env.folder().join("data/history.json");
        wait_until("the host has noted how far its store is", || {
            let kept: Value = serde_json::from_slice(&fs::read(&history)?)?;
            Ok(kept["mark"]["number"] == self.lines()?)
        })
        .unwrap();
        let before = seen(phone).unwrap();
        phone.switch_on().unwrap();
        wait_until("the agent has seen it", || {
            let now = seen(phone)?;
            Ok(now.is_string() && now != before)
        })
        .unwrap();
        phone.switch_off().unwrap();
    }

    /// The number of lines of the audit trail.
    fn lines(&self) -> anyhow::Result<Value> {
        let verified = text(&self.env.verify_audit(&[])?);
        let number = verified.split(' ').next().unwrap_or_default().trim();
        Ok(json!(number.parse::<u64>()?))
    }

    /// The host knows that its store is older than it was.
    fn is_noticed(&self) {
        wait_until("the restore is noticed", || {
            Ok(self.held()["undecided_since"].is_string())
        })
        .unwrap();
        let log = self.env.host_log().unwrap();
        assert!(log.contains("was replaced by an older one"), "{log}");
        let (status, told) = ready(&self.env.url()).unwrap();
        assert_eq!(status, 200);
        assert!(told["degraded"].to_string().contains("older one"), "{told}");
    }
}

#[test]
fn a_cancelled_command_is_not_carried_out_after_a_restore_and_new_ones_are() {
    for mut stage in Stage::all() {
        let mut phone = stage.phone("phone");
        let command = stage.reset(&phone);
        stage.copies_store();
        let id = command["id"].as_str().unwrap().to_owned();
        let cancel = ["password", "cancel", &phone.id, &id];
        stage.env.ask(&cancel, "").unwrap();
        stage.is_seen_by(&mut phone);

        stage.puts_copy_back();
        phone.switch_on().unwrap();
        stage.is_noticed();
        let held = stage.held();
        assert_eq!(held["held"], 1, "{held}");
        assert_eq!(held["commands"][0]["command"], command["id"]);
        let cancelled = stage.env.ask(&["held", "cancel"], "").unwrap();
        assert!(cancelled["undecided_since"].is_null(), "{cancelled}");
        let outcome = stage.env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"], json!({"failed": "cancelled"}));
        let next = stage.reset(&phone);
        let outcome = stage.env.outcome(&phone, &next).unwrap();
        assert_eq!(outcome["status"], "success", "{outcome}");
        // The only one that ever was.
        assert_eq!(phone.show().unwrap()["agent_resets"], 1);
    }
}

#[test]
fn a_command_that_an_admin_releases_is_carried_out_and_one_that_was_reported_is_not_repeated() {
    for evidence in [Evidence::File, Evidence::Agents] {
        let mut stage = Stage::new(false, evidence);
        let (mut done, mut waits) = (stage.phone("done"), stage.phone("waits"));
        let commands = [&done, &waits].map(|phone| stage.reset(phone));
        stage.copies_store();
        done.switch_on().unwrap();
        let outcome = stage.env.outcome(&done, &commands[0]).unwrap();
        assert_eq!(outcome["status"], "success");
        done.switch_off().unwrap();
        stage.is_seen_by(&mut done);

        stage.puts_copy_back();
        done.switch_on().unwrap();
        stage.is_noticed();
        waits.switch_on().unwrap();
        stage.env.wait_online(&waits).unwrap();
        assert_eq!(stage.held()["held"], 2);
        stage.env.ask(&["held", "release"], "").unwrap();
        for (phone, command) in [(&done, &commands[0]), (&waits, &commands[1])] {
            let outcome = stage.env.outcome(phone, command).unwrap();
            assert_eq!(outcome["status"], "success", "{outcome}");
            assert_eq!(phone.show().unwrap()["agent_resets"], 1);
        }
        assert_eq!(stage.held()["held"], 0);
    }
}

#[test]
fn a_device_that_was_revoked_stays_out_after_a_restore() {
    for mut stage in Stage::all() {
        let (stolen, mut other) = (stage.phone("stolen"), stage.phone("other"));
        let thief = AsAgent::of(&stage.env, &stolen).unwrap();
        stage.copies_store();
        stage
            .env
            .ask(&["device", "revoke", &stolen.id], "")
            .unwrap();
        stage.is_seen_by(&mut other);

        stage.puts_copy_back();
        other.switch_on().unwrap();
        stage.is_noticed();
        wait_until("the device is revoked again", || {
            let shown = stage.env.ask(&["device", "show", &stolen.id], "")?;
            Ok(shown["revoked_at"].is_string())
        })
        .unwrap();
        let (status, problem) = thief
            .sync(&json!({"device_info": thief.device_info}))
            .unwrap();
        let kind = json!("device-revoked");
        assert_eq!((status, &problem["type"]), (409, &kind), "{problem}");
    }
}

#[test]
fn a_device_that_changed_its_keys_gets_in_after_a_restore() {
    for mut stage in Stage::all() {
        let mut phone = stage.phone("phone");
        stage.copies_store();
        for _ in 0..2 {
            let rotated = phone.by_hand(&["rotate-keys"], "").unwrap();
            assert!(rotated.status.success(), "{}", text(&rotated));
        }
        stage.is_seen_by(&mut phone);

        stage.puts_copy_back();
        phone.switch_on().unwrap();
        stage.env.wait_online(&phone).unwrap();
        stage.is_noticed();
        let command = stage.reset(&phone);
        let outcome = stage.env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"], "success", "{outcome}");
    }
}
