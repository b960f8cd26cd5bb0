//! Output of programs. Names, reasons and error texts come from strangers: [`escape`] replaces the characters that a
//! terminal, a log or a spreadsheet acts on. [`values`] escapes whole answers, [`log_fields`] (feature `log`) the log,
//! [`out`] prints to a reader that may be gone, and [`progress`] says that a step takes its time.

pub mod escape;
#[cfg(feature = "log")]
pub mod log_fields;
pub mod out;
pub mod progress;
pub mod values;
