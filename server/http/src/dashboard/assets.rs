//! The stylesheet, the script and the icon: part of the program.

use axum::{
    Router,
    http::{HeaderName, header},
    response::IntoResponse,
    routing::get,
};

/// An hour, within which a page of a newer host may meet an older script: its address changes with the version.
const CACHED: &str = "public, max-age=3600";

/// The routes of the assets.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/assets/style.css", get(style))
        .route("/assets/script.js", get(script))
        .route("/assets/icon.svg", get(icon))
}

async fn style() -> impl IntoResponse {
    (headers("text/css"), include_str!("assets/style.css"))
}

async fn script() -> impl IntoResponse {
    (headers("text/javascript"), include_str!("assets/script.js"))
}

async fn icon() -> impl IntoResponse {
    (headers("image/svg+xml"), include_str!("assets/icon.svg"))
}

fn headers(kind: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, CACHED),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}
