//! Accepts JSON objects only, and no lists of their fields' values.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

/// For `#[serde(deserialize_with = "object::only")]`: a derived `Deserialize` accepts a list, too.
pub fn only<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(Object(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::Reset;

    #[test]
    fn terms_and_options_are_objects_and_not_lists_of_what_their_fields_hold() {
        let read = |json: &str| serde_json::from_str::<Reset>(json).is_ok();
        assert!(read(
            r#"{"password": "1", "terms": {"valid_for": 60}, "options": {}}"#
        ));
        assert!(read(r#"{"password": "1"}"#));
        assert!(!read(r#"{"password": "1", "terms": [null, 60]}"#));
        assert!(!read(r#"{"password": "1", "options": [true, true, true]}"#));
        assert!(!read(r#"{"password": "1", "terms": {"valid_vor": 60}}"#));
    }
}
