//! The preview of a bulk.

use super::requests::{BulkRequest, Bulks};
use crate::{access::Caller, error::ServerError, store::Snapshot};
use futures_util::stream::{self, StreamExt as _};
use mdm_contract::{DevicePreview, Note, Refusal, Remedy, Verdict, Wait};
use serde::{Deserialize, Serialize};

/// Maximum number of previewed devices.
const MAX_ASKED: u32 = 1000;

/// Number of concurrent previews.
const CONCURRENCY: usize = 16;

/// Maximum number of named devices per verdict.
const MAX_NAMED: usize = 5;

/// Maximum number of different verdicts.
const MAX_VERDICTS: usize = 50;

/// The preview of a bulk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulkPreview {
    /// The number of devices in the group.
    pub devices: u64,
    /// The number of devices that were previewed: the first ones.
    pub asked: u64,
    /// The bulk needs the approval of another user.
    pub needs_approval: bool,
    /// The verdicts with their numbers of devices, the most frequent first.
    pub verdicts: Vec<BulkVerdict>,
    /// The notes, each with its number of devices.
    pub notes: Vec<(String, u64)>,
}

/// A verdict with its devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulkVerdict {
    /// `will-succeed`, `will-wait`, `will-fail`, `would-be-refused`, or `no-preview` where the plugin could not say.
    pub verdict: String,
    /// Why; none if it will succeed.
    pub why: Option<String>,
    /// The remedy.
    pub remedy: Option<Remedy>,
    /// The number of devices.
    pub devices: u64,
    /// Some of them: id and name.
    pub such_as: Vec<(String, String)>,
}

impl Bulks {
    /// Previews a bulk. Nothing changes.
    pub async fn preview(
        &self,
        by: &Caller,
        request: &BulkRequest,
    ) -> Result<BulkPreview, ServerError> {
        by.check_group(&request.group)?;
        let devices = self.group_size(&request.group).await?;
        let page = self.group_devices(&request.group, MAX_ASKED).await?;
        if page.is_empty() {
            return Err(ServerError::UnknownGroup(request.group.clone()));
        }
        let mut preview = BulkPreview {
            devices,
            asked: page.len() as u64,
            needs_approval: self.needs_approval(devices),
            ..BulkPreview::default()
        };
        let ask = async |snapshot: Snapshot| {
            let told = match snapshot.revoked_at {
                Some(_) => None,
                None => Some(self.preview_device(by, request, &snapshot).await),
            };
            (snapshot, told)
        };
        let mut told = std::pin::pin!(stream::iter(page).map(ask).buffered(CONCURRENCY));
        while let Some((snapshot, told)) = told.next().await {
            preview.add(&snapshot, told);
        }
        preview.verdicts.sort_by_key(|it| u64::MAX - it.devices);
        Ok(preview)
    }
}

impl BulkPreview {
    /// Returns `None` if the device was revoked.
    fn add(&mut self, snapshot: &Snapshot, told: Option<Result<DevicePreview, ServerError>>) {
        let (verdict, why, remedy) = match told {
            None => {
                let text = "the device was revoked: nothing reaches it any more";
                ("would-be-refused", Some(text.to_owned()), None)
            }
            Some(Err(error)) => ("no-preview", Some(error.to_string()), None),
            Some(Ok(told)) => {
                told.notes.iter().for_each(|note| self.note(note));
                let (verdict, why) = words(&told.verdict);
                (verdict, why, told.remedy)
            }
        };
        let is_same = |it: &&mut BulkVerdict| it.verdict == verdict && it.why == why;
        if let Some(found) = self.verdicts.iter_mut().find(is_same) {
            found.devices += 1;
            if found.such_as.len() < MAX_NAMED {
                found.such_as.push(named(snapshot));
            }
        } else if self.verdicts.len() < MAX_VERDICTS {
            self.verdicts.push(BulkVerdict {
                verdict: verdict.to_owned(),
                why,
                remedy,
                devices: 1,
                such_as: vec![named(snapshot)],
            });
        } else if let Some(last) = self.verdicts.last_mut() {
            // A plugin may return a different text for each device.
            "other".clone_into(&mut last.verdict);
            last.why = Some("there are too many different answers to tell them all".into());
            last.remedy = None;
            last.devices += 1;
        }
    }

    fn note(&mut self, note: &Note) {
        let text = match note {
            Note::DeviceOffline(_) => return,
            note => note.to_string(),
        };
        if let Some((_, devices)) = self.notes.iter_mut().find(|(it, _)| *it == text) {
            *devices += 1;
        } else if self.notes.len() < MAX_VERDICTS {
            self.notes.push((text, 1));
        }
    }
}

fn named(snapshot: &Snapshot) -> (String, String) {
    (snapshot.device.id.clone(), snapshot.name.clone())
}

/// The part of a verdict that is equal on many devices.
fn words(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::WillSucceed => ("will-succeed", None),
        Verdict::WillWait(Wait::DeviceOffline(_)) => (
            "will-wait",
            Some("the device is offline: it is carried out once it is".into()),
        ),
        Verdict::WillWait(wait) => ("will-wait", Some(wait.to_string())),
        Verdict::WillFail(failure) => ("will-fail", Some(failure.to_string())),
        Verdict::WouldBeRefused(Refusal::Conflict(_)) => (
            "would-be-refused",
            Some(
                "another command is pending on the device: replace it, or wait for its outcome"
                    .into(),
            ),
        ),
        Verdict::WouldBeRefused(refusal) => ("would-be-refused", Some(refusal.to_string())),
    }
}
