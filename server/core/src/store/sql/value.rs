//! Values of statements, and result rows.

use crate::store::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fmt::{self, Display},
    str::FromStr,
    sync::Arc,
};

/// A value of a statement, or of a column in a row.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// No value.
    Null,
    /// Yes or no. SQLite has 1 and 0 for it, and finds an [`Value::Integer`].
    Boolean(bool),
    /// A number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list of texts. SQLite has a JSON array for it.
    Texts(Vec<String>),
}

impl Value {
    /// The JSON of a record.
    pub fn json(record: &impl Serialize) -> Result<Self, StoreError> {
        let text = serde_json::to_string(record).map_err(unreadable)?;
        Ok(Self::Text(text))
    }
}

impl fmt::Debug for Value {
    /// Hides texts and bytes, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(_) => f.write_str("text"),
            Self::Bytes(_) => f.write_str("bytes"),
            Self::Texts(_) => f.write_str("texts"),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u64> for Value {
    /// Numbers of databases have a sign; times and counts are far below where that matters.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Integer(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row, with its columns by name.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// A row of these columns, which all rows of a statement share.
    pub fn new(columns: &Arc<[String]>, values: Vec<Value>) -> Self {
        let columns = Arc::clone(columns);
        Self { columns, values }
    }

    /// Errors if there is no such column, or it has another type.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, StoreError> {
        let value = self.value(column)?;
        T::from_value(value)
            .ok_or_else(|| unreadable(format_args!("the column {column} has another type")))
    }

    /// A record that is kept as JSON.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        serde_json::from_str(self.text(column)?).map_err(unreadable)
    }

    /// The same, and `None` if there is none.
    pub fn optional_json<T: DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.json(column).map(Some),
        }
    }

    /// A value that is stored as its text form.
    pub fn parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(unreadable)
    }

    /// The same, or `None` if the column is null.
    pub fn optional_parse<T: FromStr<Err: Display>>(
        &self,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.parse(column).map(Some),
        }
    }

    fn text(&self, column: &str) -> Result<&str, StoreError> {
        match self.value(column)? {
            Value::Text(text) => Ok(text),
            _ => Err(unreadable(format_args!("the column {column} is no text"))),
        }
    }

    fn value(&self, column: &str) -> Result<&Value, StoreError> {
        let found = self.columns.iter().position(|name| name == column);
        found
            .and_then(|index| self.values.get(index))
            .ok_or_else(|| unreadable(format_args!("there is no column {column}")))
    }
}

/// A type that a column can be read as.
pub trait FromValue: Sized {
    /// Returns `None` if the value has another type.
    fn from_value(value: &Value) -> Option<Self>;
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(value) => Some(*value),
            Value::Integer(number) => Some(*number != 0),
            _ => None,
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl FromValue for u64 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for u32 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for u16 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        }
    }
}

fn unreadable(error: impl Display) -> StoreError {
    StoreError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_by_its_name_and_only_as_what_it_is() {
        let columns: Arc<[String]> = ["name", "size", "until"].map(str::to_owned).into();
        let row = Row::new(&columns, vec!["a".into(), 300_u32.into(), Value::Null]);
        assert_eq!(row.get::<String>("name").unwrap(), "a");
        assert_eq!(row.get::<u64>("size").unwrap(), 300);
        assert_eq!(row.get::<Option<u64>>("until").unwrap(), None);
        assert!(row.get::<u64>("until").is_err());
        assert!(row.get::<u64>("name").is_err());
        assert!(row.get::<String>("other").is_err());
    }

    #[test]
    fn numbers_and_yes_or_no_are_what_both_databases_have_for_them() {
        assert_eq!(bool::from_value(&Value::Integer(1)), Some(true));
        assert_eq!(bool::from_value(&Value::Boolean(false)), Some(false));
        assert_eq!(Value::from(u64::MAX), Value::Integer(i64::MAX));
        assert_eq!(u64::from_value(&Value::Integer(-1)), None);
        assert_eq!(Value::from(None::<u64>), Value::Null);
    }
}
