//! The page with the API's documentation.

use super::frame::{bare, sentence};
use crate::api::{
    SECURITY_SCHEME,
    document::{self, DOCUMENT_PATH},
};
use axum::response::Html;
use maud::{Markup, html};
use serde_json::Value;
use std::sync::LazyLock;

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let document = document::json();
    page_of(&document).into_string()
});

pub(super) async fn page() -> Html<&'static str> {
    Html(PAGE.as_str())
}

fn page_of(document: &Value) -> Markup {
    let tags = || items(&document["tags"]);
    bare(
        "API",
        html! {
            h1 { "The API" }
            div .prose {
                @for paragraph in word(&document["info"]["description"]).split("\n\n") { p { (prose(paragraph)) } }
                p { "The same for programs: " a href=(DOCUMENT_PATH) { (DOCUMENT_PATH) } " (OpenAPI 3.1)." }
            }
            nav aria-label="Parts" {
                @for tag in tags() { a href={ "#" (anchor(word(&tag["name"]))) } { (sentence_of(&tag["name"])) } }
                a href="#types" { "Types" }
            }
            @for tag in tags() { (part(document, tag)) }
            section #types .types {
                h2 { "Types" }
                @for (name, schema) in fields(&document["components"]["schemas"]) { (type_card(name, schema)) }
            }
        },
    )
}

fn part(document: &Value, tag: &Value) -> Markup {
    let name = word(&tag["name"]);
    html! {
        section .operations id=(anchor(name)) {
            h2 { (sentence_of(&tag["name"])) }
            p .quiet { (word(&tag["description"])) }
            @for (path, methods) in fields(&document["paths"]) {
                @for (method, operation) in fields(methods) {
                    @if items(&operation["tags"]).any(|it| word(it) == name) { (card(method, path, operation)) }
                }
            }
        }
    }
}

fn card(method: &str, path: &str, operation: &Value) -> Markup {
    let needed = items(&operation["security"]).flat_map(|it| items(&it[SECURITY_SCHEME]));
    let needed: Vec<&str> = needed.map(word).collect();
    let body = &operation["requestBody"];
    html! {
        article .card id=(word(&operation["operationId"])) {
            h3 { span .badge .method { (method.to_uppercase()) } " " code { (path) } }
            p { (prose(word(&operation["summary"]))) }
            @if let Some(more) = operation["description"].as_str() { p { (prose(more)) } }
            p .quiet {
                @if needed.is_empty() { "No permission required." }
                @else { "Requires " @for it in &needed { code { (it) } } "." }
            }
            @if operation["parameters"].is_array() || body.is_object() {
                div .scroll tabindex="0" role="region" aria-label={ "What " (method) " " (path) " takes" } {
                    table {
                        thead { tr { th { "Takes" } th { "In" } th { "Type" } th { "What" } } }
                        tbody {
                            @for it in items(&operation["parameters"]) {
                                tr {
                                    td { code { (word(&it["name"])) } }
                                    td { (word(&it["in"])) }
                                    td { (kind(&it["schema"])) }
                                    td { (prose(word(&it["description"]))) }
                                }
                            }
                            @for (media, content) in fields(&body["content"]) {
                                tr {
                                    td { code { (media) } }
                                    td { "body" }
                                    td { (kind(&content["schema"])) }
                                    td { (prose(word(&body["description"]))) }
                                }
                            }
                        }
                    }
                }
            }
            div .scroll tabindex="0" role="region" aria-label={ "What " (method) " " (path) " answers" } {
                table {
                    thead { tr { th { "Answers" } th { "Type" } th { "What" } } }
                    tbody {
                        @for (status, answer) in fields(&operation["responses"]) {
                            tr {
                                td { code { (status) } }
                                td { @for (_, content) in fields(&answer["content"]) { (kind(&content["schema"])) } }
                                td { (prose(word(&answer["description"]))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn type_card(name: &str, schema: &Value) -> Markup {
    html! {
        article .card id={ "type-" (name) } {
            h3 { (name) }
            p { (prose(word(&schema["description"]))) }
            (shape(name, schema))
        }
    }
}

/// The fields or the cases of a type.
fn shape(name: &str, schema: &Value) -> Markup {
    let parts = schema.get("oneOf").or_else(|| schema.get("allOf"));
    html! {
        @if let Some(parts) = parts {
            ul { @for part in items(parts) { li { (kind(part)) " " span .quiet { (prose(word(&part["description"]))) } } } }
        } @else if schema["properties"].is_object() {
            div .scroll tabindex="0" role="region" aria-label={ "Fields of " (name) } {
                table {
                    thead { tr { th { "Field" } th { "Type" } th { "What" } } }
                    tbody {
                        @for (field, of) in fields(&schema["properties"]) {
                            tr {
                                td {
                                    code { (field) }
                                    @if !items(&schema["required"]).any(|it| word(it) == field) { small { "optional" } }
                                }
                                td { (kind(of)) }
                                td { (prose(word(&of["description"]))) }
                            }
                        }
                    }
                }
            }
        } @else { p { (kind(schema)) } }
    }
}

/// A type in a few words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        return html! { a href={ "#type-" (name) } { (name) } };
    }
    if let Some(parts) = schema.get("oneOf").or_else(|| schema.get("allOf")) {
        return html! { @for (i, part) in items(parts).enumerate() { @if i > 0 { " or " } (kind(part)) } };
    }
    if schema["enum"].is_array() {
        return html! { @for (i, it) in items(&schema["enum"]).enumerate() { @if i > 0 { ", " } code { (it) } } };
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(word).collect(),
        one => vec![word(one)],
    };
    html! {
        @for (i, one) in kinds.iter().enumerate() {
            @if i > 0 { " or " }
            @match *one {
                "array" => { "list of " (kind(&schema["items"])) }
                "object" if schema["properties"].is_object() => {
                    "{" @for (i, (field, of)) in fields(&schema["properties"]).enumerate() {
                        @if i > 0 { ", " } code { (field) } ": " (kind(of))
                    } "}"
                }
                "object" => { "object" @if schema["additionalProperties"].is_object() { " of " (kind(&schema["additionalProperties"])) } }
                "string" => @match word(&schema["format"]) {
                    "date-time" => "time",
                    "binary" => "bytes",
                    _ => "text",
                }
                "" => "anything",
                other => (other),
            }
        }
    }
}

/// A text with `code` and **strong** words in it.
fn prose(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } }
            @else {
                @for (i, part) in part.split("**").enumerate() {
                    @if i % 2 == 1 { strong { (part) } } @else { (part) }
                }
            }
        }
    }
}

fn sentence_of(value: &Value) -> String {
    sentence(word(value)).trim_end_matches('.').to_owned()
}

fn anchor(name: &str) -> String {
    name.replace(' ', "-")
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}
