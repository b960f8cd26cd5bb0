//! A condition that grows with what a filter asks for.

use super::{Dialect, Value};

/// What has to be true of a row, and the values in it.
#[derive(Clone)]
pub struct Conditions {
    dialect: Dialect,
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Nothing has to be true.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            text: String::from("true"),
            values: Vec::new(),
        }
    }

    /// Adds a condition without a value.
    pub fn and(&mut self, condition: &str) {
        self.text.push_str(" and ");
        self.text.push_str(condition);
    }

    /// Adds a condition that has this value at its `?`.
    pub fn and_with(&mut self, condition: &str, value: impl Into<Value>) {
        let place = self.place(value);
        self.and(&condition.replace('?', &place));
    }

    /// Adds that a column is one of these texts.
    pub fn and_is_in(&mut self, column: &str, texts: Vec<String>) {
        let place = self.place(texts);
        let is_in = self.dialect.is_in(column, &place);
        self.and(&is_in);
    }

    /// Adds that a text, which is in lower case, contains what is searched for.
    pub fn and_contains(&mut self, text: &str, search: &str) {
        let function = self.dialect.choose("instr", "strpos");
        self.and_with(&format!("{function}({text}, ?) > 0"), search.to_lowercase());
    }

    /// What stands for a value: a statement with the value in its text would be another one for each.
    pub fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// The condition.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values of the statement, in their order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}
