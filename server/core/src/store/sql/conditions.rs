//! A builder of SQL conditions for filters.

use super::{Dialect, Value};

/// The conditions on a row, with their values.
#[derive(Clone)]
pub struct Conditions {
    dialect: Dialect,
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// No condition.
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

    /// Adds the condition that a column is one of these texts.
    pub fn and_is_in(&mut self, column: &str, texts: Vec<String>) {
        let place = self.place(texts);
        let is_in = self.dialect.is_in(column, &place);
        self.and(&is_in);
    }

    /// Adds the condition that a lower-case text contains the search text.
    pub fn and_contains(&mut self, text: &str, search: &str) {
        let function = self.dialect.choose("instr", "strpos");
        self.and_with(&format!("{function}({text}, ?) > 0"), search.to_lowercase());
    }

    /// Adds a value and returns its placeholder, so that the statement is the same for all values.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_place_of_its_own_and_each_dialect_its_text() {
        let conditions = |dialect| {
            let mut fit = Conditions::new(dialect);
            fit.and_with("device = ?", "d");
            fit.and("not is_pending");
            fit.and_is_in("action", vec!["enroll".to_owned()]);
            fit.and_contains("search_text", "ABC");
            fit
        };
        let fit = conditions(Dialect::Postgres);
        assert_eq!(
            fit.text(),
            "true and device = $1 and not is_pending and action = any($2) and strpos(search_text, $3) > 0"
        );
        assert!(fit.values().contains(&"abc".into()));
        assert_eq!(
            conditions(Dialect::Sqlite).text(),
            "true and device = $1 and not is_pending and action in (select value from json_each($2)) \
             and instr(search_text, $3) > 0"
        );
    }
}
