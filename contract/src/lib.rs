//! The types of the contract `mdm:password` in Rust and JSON.
//!
//! JSON fields are the contract's words in `snake_case`; the values of enums are its words as they
//! stand (`device-owner`). Times are RFC 3339 in UTC.
//!
//! Features: `component` derives the component model's types, for hosts; `schema` derives OpenAPI schemas, for servers.

pub mod decisions;
mod display;
pub mod text;
pub mod text_enum;
pub mod time;
pub mod types;
