//! The bounds of what callers send, in the document of the API: from the same constants that the code checks by.

use super::plugin::SIGNATURE_HEADER;
use mdm_contract::Policy;
use mdm_server_core::bounds::{
    COMMAND_VALIDITY, ENROLLMENT_VALIDITY, MAX_DEVICE_GROUPS, MAX_GROUP_NAME, MAX_PAGE, MAX_REASON,
    MAX_SCOPE_GROUPS, MAX_URL, NAME_PATTERN, TOKEN_VALIDITY,
};
use mdm_terminal::escape::HIDDEN;
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// No text has a NUL in it: not every store can keep it.
const NO_NUL: &str = "^[^\\u0000]*$";

/// Base64 as it is written, without what stands for no bytes.
const BASE64: &str =
    "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// The bounds of a parameter.
fn of_parameter(name: &str) -> Option<Value> {
    match name {
        "limit" => Some(json!({ "minimum": 1, "maximum": MAX_PAGE })),
        SIGNATURE_HEADER => Some(json!({ "pattern": BASE64 })),
        _ => None,
    }
}

/// The bounds of a property, or of a whole schema where no property is named.
fn of_schemas() -> Vec<(&'static str, &'static str, Value)> {
    let reason = json!({ "maxLength": MAX_REASON });
    let name = json!({ "pattern": NAME_PATTERN });
    let groups = |least: usize, most: usize| {
        let group = json!({ "pattern": group_pattern() });
        json!({ "minItems": least, "maxItems": most, "items": group })
    };
    vec![
        ("BulkRequest", "reason", reason.clone()),
        ("BulkTerms", "valid_for", seconds(COMMAND_VALIDITY)),
        ("NewApiToken", "name", name.clone()),
        ("NewApiToken", "permissions", json!({ "minItems": 1 })),
        ("NewApiToken", "valid_for", seconds(TOKEN_VALIDITY)),
        ("NewToken", "groups", groups(0, MAX_DEVICE_GROUPS)),
        ("NewToken", "valid_for", seconds(ENROLLMENT_VALIDITY)),
        ("NewUser", "name", name),
        ("NewWebhook", "url", json!({ "maxLength": MAX_URL })),
        (
            "Policy",
            "minimum_length",
            json!({ "maximum": Policy::MAX_MINIMUM_LENGTH }),
        ),
        ("DeviceScope", "", groups(1, MAX_SCOPE_GROUPS)),
        ("Reset", "reason", reason.clone()),
        ("Revocation", "reason", reason),
        ("CommandTerms", "valid_for", seconds(COMMAND_VALIDITY)),
    ]
}

fn seconds(range: RangeInclusive<u64>) -> Value {
    json!({ "minimum": range.start(), "maximum": range.end() })
}

/// A group's name: none of its characters is hidden.
fn group_pattern() -> String {
    let character = |it: char| match u16::try_from(u32::from(it)) {
        Ok(unit) => format!("\\u{unit:04x}"),
        // There is no escape for these that all dialects of regular expressions know.
        Err(_) => it.to_string(),
    };
    let range =
        |it: &RangeInclusive<char>| format!("{}-{}", character(*it.start()), character(*it.end()));
    let hidden: String = HIDDEN.iter().map(range).collect();
    format!("^[^{hidden}]{{1,{MAX_GROUP_NAME}}}$")
}

/// Writes the bounds into the document.
pub(super) fn write(document: &mut Value) {
    for (schema, property, bounds) in of_schemas() {
        if let Some(schema) = find(document, schema, property) {
            merge(schema, bounds);
        }
    }
    let mut sent = Sent::default();
    for operation in operations_mut(document) {
        let parameters = operation.get_mut("parameters");
        for parameter in parameters
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let bounds = parameter["name"].as_str().and_then(of_parameter);
            let Some(schema) = parameter.get_mut("schema") else {
                continue;
            };
            // A parameter that is not there is left out: there is no way to write null.
            if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
                kinds.retain(|kind| kind != "null");
            }
            if let Some(bounds) = bounds {
                merge(schema, bounds);
            }
            sent.bound(schema);
        }
        if let Some(content) = operation.pointer_mut("/requestBody/content") {
            let bodies = content.as_object_mut().into_iter().flatten();
            let schemas = bodies.filter_map(|(_, body)| body.get_mut("schema"));
            schemas.for_each(|schema| sent.bound(schema));
        }
    }
    sent.bound_components(document);
}

fn find<'a>(document: &'a mut Value, schema: &str, property: &str) -> Option<&'a mut Value> {
    let schema = document
        .pointer_mut("/components/schemas")?
        .get_mut(schema)?;
    match property {
        "" => Some(schema),
        property => schema.get_mut("properties")?.get_mut(property),
    }
}

fn operations_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let paths = paths.into_iter().flatten();
    paths.flat_map(|(_, path)| {
        let operations = path.as_object_mut().into_iter().flatten();
        operations.map(|(_, operation)| operation)
    })
}

fn merge(schema: &mut Value, bounds: Value) {
    match (schema, bounds) {
        (Value::Object(schema), Value::Object(bounds)) => {
            for (key, bound) in bounds {
                merge(schema.entry(key).or_insert(Value::Null), bound);
            }
        }
        (schema, bounds) => *schema = bounds,
    }
}

/// The types that can be sent: their common bounds, and the schema components in them.
#[derive(Default)]
struct Sent {
    components: BTreeSet<String>,
    found: Vec<String>,
}

impl Sent {
    /// Bounds a schema and what it is made of.
    fn bound(&mut self, schema: &mut Value) {
        match schema {
            Value::Object(schema) => self.bound_object(schema),
            Value::Array(schemas) => schemas.iter_mut().for_each(|schema| self.bound(schema)),
            _ => {}
        }
    }

    fn bound_object(&mut self, schema: &mut Map<String, Value>) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            if self.components.insert(name.clone()) {
                self.found.push(name);
            }
        }
        let is_a = |kind: &str| {
            let of = schema.get("type");
            of.is_some_and(|of| {
                of == kind || of.as_array().is_some_and(|it| it.contains(&kind.into()))
            })
        };
        let has_form = |key: &str| schema.get(key).is_some_and(|it| it != "password");
        if is_a("string") && !["enum", "pattern", "format"].into_iter().any(has_form) {
            schema.insert("pattern".into(), NO_NUL.into());
        }
        // One of several kinds of objects has one field: which of them it is.
        if let Some(Value::Array(kinds)) = schema.get_mut("oneOf") {
            for kind in kinds
                .iter_mut()
                .filter(|kind| kind["properties"].is_object())
            {
                kind["additionalProperties"] = false.into();
            }
        }
        // A repeated item counts once, and is not refused.
        schema.remove("uniqueItems");
        schema.values_mut().for_each(|part| self.bound(part));
    }

    /// Bounds the components that can be sent, and those in them.
    fn bound_components(mut self, document: &mut Value) {
        while let Some(name) = self.found.pop() {
            if let Some(schema) = find(document, &name, "") {
                let mut bound = schema.take();
                self.bound(&mut bound);
                *schema = bound;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes::routes;

    fn document() -> Value {
        let mut document = serde_json::to_value(routes().into_openapi()).unwrap();
        write(&mut document);
        document
    }

    #[test]
    fn each_bound_is_that_of_something_in_the_document() {
        let mut document = document();
        for (schema, property, bounds) in of_schemas() {
            let found = find(&mut document, schema, property);
            let found = found.unwrap_or_else(|| panic!("{schema}.{property} is not there"));
            let before = found.clone();
            merge(found, bounds);
            assert_eq!(*found, before, "{schema}.{property}");
        }
    }

    #[test]
    fn each_limit_of_a_list_has_the_bounds_of_the_code() {
        let mut document = document();
        let limits: Vec<Value> = operations_mut(&mut document)
            .flat_map(|operation| operation["parameters"].as_array().cloned())
            .flatten()
            .filter(|parameter| parameter["name"] == "limit")
            .map(|parameter| {
                json!([
                    parameter["schema"]["minimum"],
                    parameter["schema"]["maximum"]
                ])
            })
            .collect();
        assert!(limits.len() >= 4, "{limits:?}");
        assert!(
            limits.iter().all(|it| *it == json!([1, MAX_PAGE])),
            "{limits:?}"
        );
    }

    #[test]
    fn nothing_is_added_that_has_no_value() {
        let text = document().to_string();
        for null in ["\"type\":null", "\"parameters\":null", "\"schema\":null"] {
            assert!(!text.contains(null), "{null}");
        }
    }

    #[test]
    fn a_text_that_can_be_sent_has_no_nul() {
        let document = document();
        let reset = &document["components"]["schemas"]["Reset"]["properties"];
        assert_eq!(reset["password"]["pattern"], NO_NUL);
        assert_eq!(reset["reason"]["pattern"], NO_NUL);
        // The terms refer to this schema by name.
        assert_eq!(
            document["components"]["schemas"]["String"]["pattern"],
            NO_NUL
        );
    }
}
