//! Tables to download: CSV, as spreadsheets read it.

use super::problem::ApiError;
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream::{self, TryStream};
use mdm_contract::{Status, time};
use mdm_password_host::password::Password;
use mdm_server_core::{
    access::Caller,
    bulks::Bulks,
    bulks::PasswordExportLine,
    error::ServerError,
    store::{Bulk, BulkAnswer, StatusKind},
};
use mdm_terminal::escape::cell;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows that are read at a time.
const PAGE: u32 = 500;

const REPORT: [&str; 7] = [
    "device",
    "name",
    "command",
    "status",
    "why",
    "requested at",
    "completed at",
];

const EXPORT: [&str; 6] = ["device", "name", "password", "status", "command", "why"];

/// The status of a device that gets no command.
const REFUSED: &str = "refused";

/// The result of a bulk on each device, as CSV.
pub(crate) fn bulk_report(bulks: Arc<Bulks>, by: Caller, bulk: &Bulk) -> Response {
    let pages = stream::try_unfold(Page::First, {
        let id = bulk.id.clone();
        move |page| {
            let (bulks, by, id) = (Arc::clone(&bulks), by.clone(), id.clone());
            async move {
                let after = match page {
                    Page::First => None,
                    Page::After(device) => Some(device),
                    Page::None => return Ok(None),
                };
                let is_first = after.is_none();
                let answers = bulks
                    .answers(&by, &id, false, after.as_deref(), PAGE)
                    .await?;
                let next = match answers.last() {
                    Some(last) if answers.len() == PAGE as usize => {
                        Page::After(last.device.clone())
                    }
                    _ => Page::None,
                };
                let head = is_first.then_some(REPORT.map(str::to_owned));
                let rows = head.into_iter().chain(answers.iter().map(report_row));
                Ok::<_, ServerError>(Some((written(rows), next)))
            }
        }
    });
    download(&format!("bulk-{}.csv", bulk.id), pages)
}

/// The stream of a bulk's passwords.
pub(crate) fn bulk_password_export(
    bulk: &str,
    lines: mpsc::Receiver<Result<Vec<PasswordExportLine>, ServerError>>,
) -> Response {
    let pages = stream::try_unfold((lines, true), |(mut lines, is_first)| async move {
        if is_first {
            let head = written([EXPORT.map(str::to_owned)].into_iter());
            return Ok(Some((head, (lines, false))));
        }
        match lines.recv().await {
            None => Ok(None),
            Some(Err(error)) => Err(error),
            Some(Ok(page)) => Ok(Some((written(page.iter().map(export_row)), (lines, false)))),
        }
    });
    download(&format!("passwords-{bulk}.csv"), pages)
}

enum Page {
    First,
    After(String),
    None,
}

fn report_row(answer: &BulkAnswer) -> [String; 7] {
    let (device, name) = (cell(&answer.device), cell(&answer.name));
    let none = String::new();
    let at = |at| time::rfc3339(at).unwrap_or_default();
    match &answer.answer {
        Ok(command) => {
            let (status, why) = status_and_why(&command.status);
            [
                device,
                name,
                cell(&command.id),
                status,
                why,
                at(command.requested_at),
                command.completed_at.map_or(none, at),
            ]
        }
        Err(why) => [
            device,
            name,
            none.clone(),
            REFUSED.to_owned(),
            cell(&why.detail),
            none.clone(),
            none,
        ],
    }
}

/// The status of a command, and the reason of a failure.
fn status_and_why(status: &Status) -> (String, String) {
    let why = match status {
        Status::Failed(failure) => cell(&failure.to_string()),
        _ => String::new(),
    };
    (StatusKind::from(status).to_string(), why)
}

fn export_row(line: &PasswordExportLine) -> [String; 6] {
    let (command, status, why) = match &line.command {
        Ok((command, status)) => {
            let (status, why) = status_and_why(status);
            (cell(command), status, why)
        }
        Err(why) => (String::new(), REFUSED.to_owned(), cell(&why.detail)),
    };
    let password = line.password.as_ref().map_or("", Password::expose);
    [
        cell(&line.device),
        cell(&line.name),
        password.to_owned(),
        status,
        command,
        why,
    ]
}

fn written<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> Bytes {
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing into memory does not fail, and all rows are equally long.
        let _ = table.write_record(row);
    }
    table.into_inner().unwrap_or_default().into()
}

fn download(
    name: &str,
    pages: impl TryStream<Ok = Bytes, Error = ServerError> + Send + 'static,
) -> Response {
    let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) else {
        let text = "the table has a name that no header can have";
        return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", text)
            .into_response();
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
        ),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::from_stream(pages)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_can_have_any_text() {
        let rows = [[cell("a,b"), cell("say \"no\"\nnow")]];
        assert_eq!(
            written(rows.into_iter()),
            "\"a,b\",\"say \"\"no\"\"\\nnow\"\n"
        );
    }
}
