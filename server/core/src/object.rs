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
    fn terms_are_an_object_and_not_a_list_of_its_values_and_options_are_a_list_of_names() {
        let read = |json: &str| serde_json::from_str::<Reset>(json).is_ok();
        assert!(read(
            r#"{"password": "1", "terms": {"valid_for": 60}, "options": ["lock-now"]}"#
        ));
        assert!(read(r#"{"password": "1"}"#));
        assert!(!read(r#"{"password": "1", "terms": [null, 60]}"#));
        assert!(!read(r#"{"password": "1", "options": [true, true, true]}"#));
        assert!(!read(r#"{"password": "1", "options": ["lock-later"]}"#));
        assert!(!read(r#"{"password": "1", "options": {"lock_now": true}}"#));
        assert!(!read(r#"{"password": "1", "terms": {"valid_vor": 60}}"#));
    }
}
