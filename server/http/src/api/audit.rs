//! The audit trail: read by filter, page by page, or as a whole table to download.

use super::components::Components;
use super::{auth::Authenticated, parts::Query, problem::ApiError, tags::HOST};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use mdm_contract::time::{self, Timestamp, rfc3339};
use mdm_server_core::{
    access::Caller,
    audit::{AuditEntry, AuditLine},
    audit_trail::AuditTrailReader,
    bounds::{check_line, page_size},
    error::ServerError,
    store::AuditFilter,
};
use mdm_terminal::escape::cell;
use serde::{Deserialize, Serialize};
use std::{fmt::Write as _, sync::Arc};
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{AnyOf, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Lines that a download reads at a time.
const PAGE: u32 = 1000;

type AuditTrailReaderState = State<Arc<AuditTrailReader>>;

pub(super) fn router() -> OpenApiRouter<Components> {
    OpenApiRouter::new()
        .routes(routes!(page))
        .routes(routes!(table))
}

/// Which lines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// About this device.
    pub(crate) device: Option<String>,
    /// By this actor: `user alice`.
    pub(crate) actor: Option<String>,
    /// With one of these actions, with commas between them.
    pub(crate) action: Option<String>,
    /// With this text in the detail, the command or the address.
    pub(crate) text: Option<String>,
    /// Not before this time (RFC 3339) or day.
    #[param(schema_with = moment_schema)]
    pub(crate) from: Option<String>,
    /// Before this time, or the end of this day.
    #[param(schema_with = moment_schema)]
    pub(crate) until: Option<String>,
}

/// Which part of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct AuditPart {
    /// Lines before the one of this number.
    before: Option<u64>,
    /// The size of a page: 100 by default.
    limit: Option<u32>,
}

/// A time or a day.
fn moment_schema() -> Schema {
    let string = |format| {
        let string = ObjectBuilder::new().schema_type(Type::String);
        string.format(Some(SchemaFormat::KnownFormat(format)))
    };
    let either = AnyOf::builder().item(string(KnownFormat::DateTime));
    either.item(string(KnownFormat::Date)).into()
}

impl AuditQuery {
    /// The filter, or what is wrong with it.
    pub(crate) fn filter(&self) -> Result<AuditFilter, ServerError> {
        Ok(AuditFilter {
            device: self.device.clone(),
            actor: self.actor.clone(),
            actions: words(self.action.as_deref().unwrap_or_default()),
            text: self.text.clone(),
            from: moment(self.from.as_deref(), 0)?,
            until: moment(self.until.as_deref(), DAY)?,
        })
    }
}

const DAY: u64 = 24 * 3_600_000;

fn words(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    words.map(str::to_owned).collect()
}

/// A time; of a day, so much later.
fn moment(text: Option<&str>, of_a_day: u64) -> Result<Option<Timestamp>, ServerError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let time = time::parse(text).ok_or_else(|| {
        let text = format!("`{text}` is no time: write 2026-11-24 or 2026-11-24T10:00:00Z");
        ServerError::BadRequest(text)
    })?;
    let is_day = text.len() == "2026-11-24".len();
    Ok(Some(if is_day { time + of_a_day } else { time }))
}

/// Part of the audit trail.
#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// Latest first.
    lines: Vec<AuditLineView>,
    /// The `before` of the next page. `None` on the last page.
    next: Option<u64>,
}

/// A line of the audit trail.
#[derive(Serialize, ToSchema)]
struct AuditLineView {
    /// Its place in the trail.
    number: u64,
    /// The entry.
    #[serde(flatten)]
    entry: AuditEntry,
    /// The digest of this line and of all before it, in hex.
    digest: String,
}

impl From<AuditLine> for AuditLineView {
    fn from(line: AuditLine) -> Self {
        let mut digest = String::new();
        for byte in line.digest {
            let _ = write!(digest, "{byte:02x}");
        }
        Self {
            number: line.number,
            entry: line.entry,
            digest,
        }
    }
}

/// The audit trail, latest first, page by page.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "audit_trail",
    tag = HOST,
    params(AuditQuery, AuditPart),
    responses((status = 200, body = AuditPage)),
)]
async fn page(
    Authenticated(by): Authenticated,
    audit_trail: AuditTrailReaderState,
    Query(query): Query<AuditQuery>,
    Query(part): Query<AuditPart>,
) -> Result<Json<AuditPage>, ApiError> {
    let limit = page_size(part.limit, 100)?;
    check_line(part.before)?;
    let lines = audit_trail
        .list(&by, &query.filter()?, part.before, limit)
        .await?;
    let is_full = lines.len() == limit as usize;
    Ok(Json(AuditPage {
        next: lines.last().filter(|_| is_full).map(|line| line.number),
        lines: lines.into_iter().map(AuditLineView::from).collect(),
    }))
}

/// The audit trail as a table to download, latest first: all lines that are asked for.
#[utoipa::path(
    get,
    path = "/audit.csv",
    operation_id = "audit_table",
    tag = HOST,
    params(AuditQuery),
    responses((status = 200, content_type = "text/csv; charset=utf-8", body = String)),
)]
async fn table(
    Authenticated(by): Authenticated,
    State(audit_trail): AuditTrailReaderState,
    Query(query): Query<AuditQuery>,
) -> Result<Response, ApiError> {
    download(audit_trail, by, &query).await
}

/// All lines that are asked for as a table, latest first. It is sent while it is read.
pub(crate) async fn download(
    audit_trail: Arc<AuditTrailReader>,
    by: Caller,
    query: &AuditQuery,
) -> Result<Response, ApiError> {
    let filter = query.filter()?;
    let first = audit_trail.list(&by, &filter, None, PAGE).await?;
    let rest = (audit_trail, by, filter, Some((true, first)));
    let rows = stream::try_unfold(rest, async |(audit_trail, by, filter, page)| {
        let Some((is_first, lines)) = page else {
            return Ok::<_, std::io::Error>(None);
        };
        let text = rows(&lines, is_first)?;
        let next = match lines.last() {
            Some(last) if lines.len() == PAGE as usize => {
                let next = audit_trail
                    .list(&by, &filter, Some(last.number), PAGE)
                    .await;
                Some((false, next.map_err(std::io::Error::other)?))
            }
            _ => None,
        };
        Ok(Some((text, (audit_trail, by, filter, next))))
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"audit.csv\""),
        ),
    ];
    Ok((headers, Body::from_stream(rows)).into_response())
}

fn rows(lines: &[AuditLine], with_head: bool) -> std::io::Result<Bytes> {
    let mut table = csv::Writer::from_writer(Vec::new());
    if with_head {
        table.write_record([
            "number", "at", "actor", "address", "action", "device", "command", "detail", "plugin",
        ])?;
    }
    for AuditLine { number, entry, .. } in lines {
        let optional = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
        table.write_record([
            number.to_string(),
            rfc3339(entry.at).unwrap_or_default(),
            cell(&entry.actor),
            optional(&entry.address),
            cell(&entry.action),
            optional(&entry.device),
            optional(&entry.command),
            optional(&entry.detail),
            optional(&entry.plugin),
        ])?;
    }
    let bytes = table.into_inner().map_err(|error| error.into_error())?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_asked_for_from_its_beginning_to_its_end() {
        let query = AuditQuery {
            from: Some("1970-01-02".into()),
            until: Some("1970-01-02".into()),
            ..AuditQuery::default()
        };
        let filter = query.filter().unwrap();
        assert_eq!((filter.from, filter.until), (Some(DAY), Some(2 * DAY)));
        for bad in ["yesterday", ""] {
            let bad = AuditQuery {
                from: Some(bad.into()),
                ..AuditQuery::default()
            };
            assert!(bad.filter().is_err());
        }
    }
}
