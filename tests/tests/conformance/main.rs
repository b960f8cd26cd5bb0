//! The conformance kit: that good plugins pass it, and that each bad one is caught by its own rule. And what the host
//! grants, beside what its documentation says.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod host_kit;
mod kit;
mod languages;
mod sdks;
mod security_page;
