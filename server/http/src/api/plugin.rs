//! The routes of plugins: which one decides, and which one is tried in the shadow.

use super::{
    auth::Authenticated,
    components::Components,
    guard::require,
    model::{CanaryView, PluginView, PluginsView},
    problem::ApiError,
    tags::PLUGINS,
};
use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use mdm_password_host::ShadowReport;
use mdm_server_core::{access::Permission, plugins::Plugins, store::PluginFile};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The largest plugin, in bytes: room for one that brings an interpreter along, compiled.
const LARGEST_PLUGIN: usize = 128 << 20;

/// The header that a plugin's signature comes in: the text of minisign's file, in base64.
pub const SIGNATURE_HEADER: &str = "plugin-signature";

/// The header that a plugin's settings come in: a JSON object, in base64. The head of a request has 8 KiB at most.
pub const SETTINGS_HEADER: &str = "plugin-settings";

/// The largest request for settings, in bytes: twice the length that is accepted, so that the refusal is the host's.
const MAX_SETTINGS: usize = 128 << 10;

/// Changes of the plugin in a response.
const MAX_HISTORY: u32 = 20;

/// The bytes of a plugin's file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct PluginBytes(#[expect(dead_code, reason = "the document alone reads it")] Vec<u8>);

type PluginsState = State<Arc<Plugins>>;
type JsonResult<T> = Result<Json<T>, ApiError>;

pub(super) fn router() -> OpenApiRouter<Components> {
    let seen = OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(shadow));
    let managed = OpenApiRouter::new()
        .routes(routes!(use_plugin, use_default))
        .routes(routes!(roll_back))
        .routes(routes!(start_shadow, stop_shadow));
    let settings = OpenApiRouter::new()
        .routes(routes!(use_settings))
        .layer(DefaultBodyLimit::max(MAX_SETTINGS));
    require(Permission::See, seen)
        .merge(require(Permission::ManagePlugins, managed))
        .layer(DefaultBodyLimit::max(LARGEST_PLUGIN))
        .merge(require(Permission::ManagePlugins, settings))
}

/// The plugins of the server, and the history of their changes.
#[utoipa::path(
    get,
    path = "/",
    tag = PLUGINS,
    operation_id = "plugin",
    responses((status = 200, body = PluginsView)),
)]
async fn show(_: Authenticated, plugins: PluginsState) -> JsonResult<PluginsView> {
    view(&plugins).await
}

/// Puts a plugin in the place of the active one.
#[utoipa::path(
    put,
    path = "/",
    tag = PLUGINS,
    params(
        ("plugin-signature" = Option<String>, Header, description = "The text of minisign's file, in base64."),
        ("plugin-settings" = Option<String>, Header, description = "The plugin's settings: a JSON object, in base64. Without it, its default settings. A request's head has 8 KiB at most: larger settings go by `PUT /plugin/settings`."),
    ),
    request_body(content = PluginBytes, content_type = "application/octet-stream", description = "The file: WebAssembly, or what `mdm-plugin compile` made of it."),
    responses((status = 200, body = PluginsView)),
)]
async fn use_plugin(
    Authenticated(by): Authenticated,
    plugins: PluginsState,
    headers: HeaderMap,
    bytes: Bytes,
) -> JsonResult<PluginsView> {
    let settings = settings(&headers)?;
    plugins
        .use_plugin(&by, file(&headers, &bytes)?, settings)
        .await?;
    view(&plugins).await
}

/// Changes the settings of the active plugin.
///
/// The plugin's schema and the plugin check them. Its first calls with them are a canary; a roll back leads to the
/// settings before.
#[utoipa::path(
    put,
    path = "/settings",
    tag = PLUGINS,
    operation_id = "use_plugin_settings",
    request_body(content = serde_json::Map<String, serde_json::Value>, description = "The settings: a JSON object of at most 64 KiB. `GET /plugin` has the plugin's default settings and their schema."),
    responses((status = 200, body = PluginsView)),
)]
async fn use_settings(
    Authenticated(by): Authenticated,
    plugins: PluginsState,
    settings: String,
) -> JsonResult<PluginsView> {
    plugins.use_settings(&by, settings).await?;
    view(&plugins).await
}

/// Makes the server's built-in plugin active again.
#[utoipa::path(
    delete,
    path = "/",
    tag = PLUGINS,
    operation_id = "use_default_plugin",
    responses((status = 200, body = PluginsView)),
)]
async fn use_default(
    Authenticated(by): Authenticated,
    plugins: PluginsState,
) -> JsonResult<PluginsView> {
    plugins.use_default(&by).await?;
    view(&plugins).await
}

/// Puts the plugin before the active one back.
#[utoipa::path(
    post,
    path = "/roll-back",
    tag = PLUGINS,
    operation_id = "roll_back_plugin",
    responses((status = 200, body = PluginsView)),
)]
async fn roll_back(
    Authenticated(by): Authenticated,
    plugins: PluginsState,
) -> JsonResult<PluginsView> {
    plugins.roll_back(&by).await?;
    view(&plugins).await
}

/// The comparison of the candidate in the shadow.
#[utoipa::path(
    get,
    path = "/shadow",
    tag = PLUGINS,
    responses((status = 200, body = ShadowReport)),
)]
async fn shadow(_: Authenticated, plugins: PluginsState) -> JsonResult<ShadowReport> {
    Ok(Json(plugins.shadow()?))
}

/// Tries a candidate in the shadow of the active plugin.
///
/// It decides the same live calls. Its effects are dropped, and differences from the active plugin are kept.
#[utoipa::path(
    put,
    path = "/shadow",
    tag = PLUGINS,
    params(
        ("plugin-signature" = Option<String>, Header, description = "The text of minisign's file, in base64."),
        ("plugin-settings" = Option<String>, Header, description = "The plugin's settings: a JSON object, in base64. Without it, its default settings."),
    ),
    request_body(content = PluginBytes, content_type = "application/octet-stream", description = "The file: WebAssembly, or what `mdm-plugin compile` made of it."),
    responses((status = 200, body = ShadowReport)),
)]
async fn start_shadow(
    Authenticated(by): Authenticated,
    plugins: PluginsState,
    headers: HeaderMap,
    bytes: Bytes,
) -> JsonResult<ShadowReport> {
    Ok(Json(
        plugins
            .start_shadow(&by, file(&headers, &bytes)?, settings(&headers)?)
            .await?,
    ))
}

/// Ends the canary in the shadow.
#[utoipa::path(
    delete,
    path = "/shadow",
    tag = PLUGINS,
    responses((status = 200, body = ShadowReport)),
)]
async fn stop_shadow(
    Authenticated(by): Authenticated,
    plugins: PluginsState,
) -> JsonResult<ShadowReport> {
    Ok(Json(plugins.stop_shadow(&by)?))
}

/// The file of a plugin, with the signature that came along.
fn file(headers: &HeaderMap, bytes: &Bytes) -> Result<PluginFile, ApiError> {
    let bad = "is not the text of a signature, in base64";
    Ok(PluginFile {
        bytes: bytes.to_vec(),
        signature: text(headers, SIGNATURE_HEADER, ("bad-signature", bad))?,
    })
}

/// The settings that came along with a plugin.
fn settings(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let bad = "is not a JSON object in base64";
    text(headers, SETTINGS_HEADER, ("bad-settings", bad))
}

/// The text of a header in base64, if it is there.
fn text(
    headers: &HeaderMap,
    name: &'static str,
    (kind, bad): (&'static str, &str),
) -> Result<Option<String>, ApiError> {
    let bad = || ApiError::new(StatusCode::BAD_REQUEST, kind, format!("{name} {bad}"));
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let bytes = BASE64.decode(value).map_err(|_| bad())?;
    String::from_utf8(bytes).map(Some).map_err(|_| bad())
}

async fn view(plugins: &Plugins) -> JsonResult<PluginsView> {
    let (places, canary, terms) = plugins.deployments();
    Ok(Json(PluginsView {
        active: PluginView::from(&places.active),
        previous: places.previous.as_ref().map(PluginView::from),
        canary: canary.map(|canary| CanaryView { canary, terms }),
        shadow: plugins.shadow().ok(),
        history: plugins.history(MAX_HISTORY).await?,
    }))
}
