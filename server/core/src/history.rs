//! Detects that the store was replaced by an older copy of itself. The end of the audit trail is kept outside of the
//! store: in a file beside `host.key`, in memory, and as a witness with each agent. Lines that one of them has seen and
//! the store lacks were lost by a restore.

use crate::{
    access::Caller,
    audit::{AuditEntry, Chain},
    commands::Revocation,
    error::ServerError,
    keys::HostKeys,
    store::{AuditFilter, RestoreState, Store, StoreError},
    transport::AgentSync,
    witness::{MAX_REVOKED, Mark, Witness},
};
use mdm_contract::time;
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashSet},
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Interval between looks at the end of the audit trail.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Lines of the audit trail per read.
const PAGE: u32 = 500;

/// Limit of the cache of checked witnesses. A fleet that syncs shows few different ones.
const MAX_CHECKED: usize = 4096;

/// The history of the store. It is empty until the first look.
pub(crate) struct History {
    store: Arc<dyn Store>,
    keys: Arc<HostKeys>,
    sync: Arc<AgentSync>,
    revocation: Revocation,
    /// File that keeps the history outside of the store. `None` keeps it in memory alone.
    file: Option<PathBuf>,
    known: Mutex<Option<Known>>,
    /// Serializes looks, and decisions about their result.
    turn: tokio::sync::Mutex<()>,
}

struct Known {
    mark: Mark,
    state: RestoreState,
    /// All devices that were ever revoked, in order of revocation.
    revoked: Vec<String>,
    /// Current witness for agents.
    witness: String,
    /// Witnesses from agents that were checked and show nothing new.
    checked: HashSet<String>,
}

/// Content of the file.
#[derive(Default, Serialize, Deserialize)]
struct StoredProgress {
    mark: Option<Mark>,
    revoked: Vec<String>,
}

impl History {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        keys: Arc<HostKeys>,
        sync: Arc<AgentSync>,
        revocation: Revocation,
        file: Option<PathBuf>,
    ) -> Self {
        Self {
            store,
            keys,
            sync,
            revocation,
            file,
            known: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock()
    }

    /// The witness that agents keep.
    pub(crate) fn witness(&self) -> Option<String> {
        self.known().as_ref().map(|known| known.witness.clone())
    }

    /// The restore state at the last look.
    pub(crate) fn restore_state(&self) -> Option<RestoreState> {
        self.known().as_ref().map(|known| known.state)
    }

    /// Returns the state of a restore that an admin has yet to decide about, as of the last look.
    pub(crate) fn undecided_restore(&self) -> Option<RestoreState> {
        self.restore_state()
            .filter(|state| state.undecided_since.is_some() || state.held > 0)
    }

    /// Compares the store with the file beside `host.key`, before the server serves.
    pub(crate) async fn open(&self) -> Result<(), ServerError> {
        let kept = match &self.file {
            Some(file) => read(file).unwrap_or_else(|error| {
                let file = file.display();
                tracing::warn!(%error, "{file} can't be read, so it does not show whether the store was restored");
                StoredProgress::default()
            }),
            None => StoredProgress::default(),
        };
        let _turn = self.turn.lock().await;
        if let Some(mark) = kept.mark {
            self.compare(mark, "the file beside host.key").await?;
        }
        self.revoke_again(&kept.revoked, "the file beside host.key")
            .await?;
        self.look().await
    }

    /// Background task that keeps the history up to date.
    pub(crate) async fn run(&self, closing: CancellationToken) {
        let mut has_failed = false;
        while !closing.is_cancelled() {
            let noted = self.note().await;
            if let Err(error) = &noted
                && !has_failed
            {
                tracing::warn!(%error, "the progress of the store was not recorded");
            }
            has_failed = noted.is_err();
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = closing.cancelled() => {}
            }
        }
    }

    /// Records the end of the audit trail, and detects if it is behind the last look.
    pub(crate) async fn note(&self) -> Result<(), ServerError> {
        let _turn = self.turn.lock().await;
        let before = self.known().as_ref().map(|known| known.mark);
        if let Some(before) = before {
            self.compare(before, "this host").await?;
        }
        self.look().await
    }

    /// Checks the witness that an agent shows. An invalid witness does not stop the sync.
    pub(crate) async fn check_witness(&self, witness: &str) -> Result<(), ServerError> {
        let is_checked = match &*self.known() {
            Some(known) => known.checked.contains(witness) || known.witness == witness,
            None => true,
        };
        if is_checked {
            return Ok(());
        }
        let Some(opened) = Witness::open(witness, &self.keys) else {
            return Ok(());
        };
        let _turn = self.turn.lock().await;
        self.compare(opened.mark, "an agent").await?;
        let revoked: Vec<_> = opened.revoked.iter().map(ToString::to_string).collect();
        self.revoke_again(&revoked, "an agent").await?;
        if let Some(known) = &mut *self.known() {
            if known.checked.len() >= MAX_CHECKED {
                known.checked.clear();
            }
            known.checked.insert(witness.to_owned());
        }
        Ok(())
    }

    /// Begins a new epoch if the store lacks a mark that was seen before.
    async fn compare(&self, seen: Mark, who: &str) -> Result<(), ServerError> {
        let state = self.store.restore_state().await?;
        // Marks from before the last known restore may be lost, which is no news.
        let is_lost =
            seen.epoch > state.epoch || seen.epoch == state.epoch && !self.has_line(seen).await?;
        if !is_lost {
            return Ok(());
        }
        let to = seen.epoch.max(state.epoch) + 1;
        let audit = AuditEntry {
            detail: Some(format!(
                "the store is older than what {who} has seen of it: line {} of the audit trail is missing",
                seen.number
            )),
            ..AuditEntry::new(time::now(), &Caller::host(), "notice-restore")
        };
        if self.store.begin_epoch(state.epoch, to, audit).await? {
            tracing::warn!(
                seen_by = who,
                line = seen.number,
                "the store was replaced by an older one: pending commands are held until an admin decides \
                 (`mdm-server held`)"
            );
            // Waiting syncs must see the new epoch, and agents must give back commands from before the restore.
            self.sync.wake_all();
        }
        self.look().await
    }

    async fn has_line(&self, seen: Mark) -> Result<bool, StoreError> {
        if seen.number == 0 {
            return Ok(true);
        }
        let filter = AuditFilter::default();
        let lines = self.store.audit(&filter, Some(seen.number + 1), 1).await?;
        let is_it = |line: &crate::audit::AuditLine| {
            line.number == seen.number && line.digest == seen.digest
        };
        Ok(lines.first().is_some_and(is_it))
    }

    /// Repeats revocations that the restored store has lost, because it trusts those devices.
    async fn revoke_again(&self, devices: &[String], who: &str) -> Result<(), ServerError> {
        for device in devices {
            let snapshot = self.store.snapshot(device).await?;
            if snapshot.is_some_and(|it| it.revoked_at.is_none()) {
                let reason = format!("revoked before the store was restored, as {who} has seen");
                tracing::warn!(device, "{reason}");
                // `revoke` notes the history by itself, in its turn.
                Box::pin(self.revocation.revoke(
                    &Caller::host(),
                    device.as_str().into(),
                    Some(reason),
                ))
                .await?;
            }
        }
        Ok(())
    }

    /// Reads the end of the audit trail, and records it outside of the store.
    async fn look(&self) -> Result<(), ServerError> {
        let state = self.store.restore_state().await?;
        let filter = AuditFilter::default();
        let last = self.store.audit(&filter, None, 1).await?;
        let end = last.first().map_or_else(Chain::default, |line| Chain {
            number: line.number,
            digest: line.digest,
        });
        let mark = Mark::of(state.epoch, &end);
        let before = self
            .known()
            .as_ref()
            .map(|known| (known.mark, known.revoked.clone()));
        let (seen, mut revoked) = match before {
            Some((noted, _)) if noted == mark => {
                if let Some(known) = &mut *self.known() {
                    known.state = state;
                }
                return Ok(());
            }
            Some((noted, revoked)) if noted.epoch == mark.epoch => (noted.number, revoked),
            _ => (0, Vec::new()),
        };
        let newly = self.revoked_since(seen).await?;
        let is_known: BTreeSet<_> = revoked.iter().cloned().collect();
        revoked.extend(
            newly
                .into_iter()
                .filter(|device| !is_known.contains(device)),
        );
        let latest = revoked
            .iter()
            .rev()
            .filter_map(|device| device.parse().ok());
        let witness = Witness {
            mark,
            revoked: latest.take(MAX_REVOKED).collect(),
        };
        let kept = StoredProgress {
            mark: Some(mark),
            revoked: revoked.clone(),
        };
        if let Some(file) = &self.file
            && let Err(error) = write(file, &kept)
        {
            tracing::warn!(%error, "{} can't be written: a restore may not be noticed", file.display());
        }
        *self.known() = Some(Known {
            mark,
            state,
            revoked,
            witness: witness.seal(&self.keys),
            checked: HashSet::new(),
        });
        Ok(())
    }

    /// The devices that were revoked after this line of the audit trail, in order.
    async fn revoked_since(&self, number: u64) -> Result<Vec<String>, StoreError> {
        let filter = AuditFilter {
            actions: vec!["revoke".to_owned()],
            ..AuditFilter::default()
        };
        let mut devices = Vec::new();
        let mut before = None;
        loop {
            let lines = self.store.audit(&filter, before, PAGE).await?;
            let new = lines.iter().filter(|line| line.number > number);
            devices.extend(new.filter_map(|line| line.entry.device.clone()));
            match lines.last() {
                Some(last) if last.number > number && lines.len() == PAGE as usize => {
                    before = Some(last.number);
                }
                _ => break,
            }
        }
        devices.reverse();
        Ok(devices)
    }
}

fn read(file: &Path) -> io::Result<StoredProgress> {
    match fs::read(file) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(StoredProgress::default()),
        Err(error) => Err(error),
    }
}

/// Replaces the file atomically, so that a power cut leaves a whole one.
fn write(file: &Path, kept: &StoredProgress) -> io::Result<()> {
    let temporary = file.with_extension("new");
    let mut new = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    new.write_all(&serde_json::to_vec(kept)?)?;
    new.sync_data()?;
    fs::rename(&temporary, file)
}
