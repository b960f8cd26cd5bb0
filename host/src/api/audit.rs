//! The audit trail: read by filter, page by page, or as a whole table to download.

use super::{auth::By, document::HOST, parts::Query, problem::ApiError, table::cell};
use crate::{
    access::Caller,
    audit::{AuditEntry, AuditLine},
    service::{Service, ServiceError},
    store::AuditFilter,
};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use mdm_wire::time::{self, Timestamp, rfc3339};
use serde::{Deserialize, Serialize};
use std::{fmt::Write as _, sync::Arc};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// The most lines on a page.
const MOST: u32 = 500;

/// How many lines are read at a time for a download.
const AT_ONCE: u32 = 1000;

type Host = State<Arc<Service>>;

pub(super) fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(routes!(page))
        .routes(routes!(table))
}

/// What is asked for. What is empty does not count, so that a form can send it as it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// About this device.
    pub(crate) device: String,
    /// By this actor: `user alice`.
    pub(crate) actor: String,
    /// With one of these actions, with commas between them.
    pub(crate) action: String,
    /// With this text in the detail, the command or the address.
    pub(crate) text: String,
    /// Not before this time (RFC 3339) or day.
    pub(crate) from: String,
    /// Before this time, or the end of this day.
    pub(crate) until: String,
    /// Lines before the one of this number.
    pub(crate) before: String,
    /// So many lines.
    pub(crate) limit: String,
}

impl AuditQuery {
    /// The filter, or what is wrong with it.
    pub(crate) fn filter(&self) -> Result<AuditFilter, ServiceError> {
        Ok(AuditFilter {
            device: filled(&self.device),
            actor: filled(&self.actor),
            actions: words(&self.action),
            text: filled(&self.text),
            from: moment(&self.from, 0)?,
            until: moment(&self.until, DAY)?,
        })
    }

    /// The number of the line before which lines are asked for.
    pub(crate) fn before(&self) -> Result<Option<u64>, ServiceError> {
        number(&self.before)
    }
}

const DAY: u64 = 24 * 3_600_000;

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    words.map(str::to_owned).collect()
}

/// A time; of a day, so much later.
fn moment(text: &str, of_a_day: u64) -> Result<Option<Timestamp>, ServiceError> {
    let Some(text) = filled(text) else {
        return Ok(None);
    };
    let time = time::parse(&text).ok_or_else(|| {
        let text = format!("`{text}` is no time: write 2026-11-24 or 2026-11-24T10:00:00Z");
        ServiceError::BadRequest(text)
    })?;
    let is_day = !text.contains('T');
    Ok(Some(if is_day { time + of_a_day } else { time }))
}

fn number(text: &str) -> Result<Option<u64>, ServiceError> {
    let Some(text) = filled(text) else {
        return Ok(None);
    };
    let bad = |_| ServiceError::BadRequest(format!("`{text}` is no number"));
    text.parse().map(Some).map_err(bad)
}

/// Part of the audit trail.
#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// Latest first.
    lines: Vec<AuditLineView>,
    /// `before` of the next page; none: this is the last.
    next: Option<u64>,
}

/// A line of the audit trail.
#[derive(Serialize, ToSchema)]
struct AuditLineView {
    /// Its place in the trail.
    number: u64,
    /// What it says.
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
    params(AuditQuery),
    responses((status = 200, body = AuditPage)),
)]
async fn page(
    By(by): By,
    host: Host,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditPage>, ApiError> {
    let most = number(&query.limit)?.unwrap_or(100).clamp(1, MOST.into());
    let most = u32::try_from(most).unwrap_or(MOST);
    let lines = host
        .audit(&by, &query.filter()?, query.before()?, most)
        .await?;
    let is_full = lines.len() == most as usize;
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
    By(by): By,
    State(host): Host,
    Query(query): Query<AuditQuery>,
) -> Result<Response, ApiError> {
    download(host, by, &query).await
}

/// All lines that are asked for as a table, latest first. It is sent while it is read.
pub(crate) async fn download(
    host: Arc<Service>,
    by: Caller,
    query: &AuditQuery,
) -> Result<Response, ApiError> {
    let (filter, before) = (query.filter()?, query.before()?);
    let first = host.audit(&by, &filter, before, AT_ONCE).await?;
    let rest = (host, by, filter, Some((true, first)));
    let rows = stream::try_unfold(rest, async |(host, by, filter, page)| {
        let Some((is_first, lines)) = page else {
            return Ok::<_, std::io::Error>(None);
        };
        let text = rows(&lines, is_first)?;
        let next = match lines.last() {
            Some(last) if lines.len() == AT_ONCE as usize => {
                let next = host.audit(&by, &filter, Some(last.number), AT_ONCE).await;
                Some((false, next.map_err(std::io::Error::other)?))
            }
            _ => None,
        };
        Ok(Some((text, (host, by, filter, next))))
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
            from: "1970-01-02".into(),
            until: "1970-01-02".into(),
            ..AuditQuery::default()
        };
        let filter = query.filter().unwrap();
        assert_eq!((filter.from, filter.until), (Some(DAY), Some(2 * DAY)));
        let bad = AuditQuery {
            from: "yesterday".into(),
            ..AuditQuery::default()
        };
        assert!(bad.filter().is_err());
    }
}
