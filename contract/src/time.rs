//! Times: milliseconds since 1970 in memory, RFC 3339 in JSON.

use jiff::{Timestamp as Instant, civil::Date, fmt::temporal::Pieces, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

/// Milliseconds since 1970-01-01T00:00:00Z, as the contract's `timestamp`.
pub type Timestamp = u64;

/// The end of the contract's calendar: the beginning of the year 9999. RFC 3339 has no five-digit years, and libraries
/// differ on the last hours of 9999.
pub const END_OF_CALENDAR: Timestamp = 253_370_764_800_000;

/// The time of the system clock; 0 if that is before 1970.
pub fn now() -> Timestamp {
    u64::try_from(Instant::now().as_millisecond()).unwrap_or(0)
}

/// Formats a time as RFC 3339, in UTC. `None` beyond the year 9999.
pub fn rfc3339(time: Timestamp) -> Option<String> {
    let instant = Instant::from_millisecond(i64::try_from(time).ok()?).ok()?;
    Some(instant.to_string())
}

/// A time as RFC 3339 writes it, or a day, which begins at midnight in UTC. It bounds a search: a time before 1970 is
/// that of its beginning, and one beyond the calendar that of its end.
pub fn parse(text: &str) -> Option<Timestamp> {
    match text.parse::<Date>() {
        Ok(day) if text.len() == "2026-11-24".len() => {
            let midnight = day.at(0, 0, 0, 0);
            Some(clamped(TimeZone::UTC.to_timestamp(midnight).ok(), day))
        }
        _ => parse_time(text),
    }
}

/// A time as RFC 3339 writes it, as [`parse`] reads it.
fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Instant>() {
        return Some(clamped(
            Some(instant),
            TimeZone::UTC.to_datetime(instant).date(),
        ));
    }
    // RFC 3339 has a few hours more than this library's calendar.
    let pieces = Pieces::parse(text).ok()?;
    let is_whole = pieces.time().is_some() && pieces.to_numeric_offset().is_some();
    is_whole.then(|| clamped(None, pieces.date()))
}

fn clamped(instant: Option<Instant>, day: Date) -> Timestamp {
    match instant {
        Some(instant) => u64::try_from(instant.as_millisecond()).unwrap_or(0),
        None if day.year() < 1970 => 0,
        None => END_OF_CALENDAR,
    }
}

/// For `#[serde(with = "time")]` on a [`Timestamp`].
pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    match rfc3339(*time) {
        Some(text) => serializer.serialize_str(&text),
        None => Err(S::Error::custom("a time beyond the year 9999")),
    }
}

/// For `#[serde(with = "time")]` on a [`Timestamp`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let instant = Instant::deserialize(deserializer)?;
    u64::try_from(instant.as_millisecond()).map_err(|_| D::Error::custom("a time before 1970"))
}

/// For `#[serde(with = "time::option", default)]` on an `Option<Timestamp>`.
pub mod option {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Time(#[serde(with = "super")] Timestamp);

    /// See [`super::serialize`].
    pub fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Time).serialize(serializer)
    }

    /// See [`super::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<Time>::deserialize(deserializer)?.map(|Time(time)| time))
    }
}

/// For `#[serde(with = "time::bound", default)]` on an `Option<Timestamp>` that bounds a search.
pub mod bound {
    use super::{Timestamp, parse_time};
    use serde::{Deserialize as _, Deserializer, de::Error as _};

    /// A time as RFC 3339 writes it, which may lie outside the calendar.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = parse_time(&text);
        time.map(Some)
            .ok_or_else(|| D::Error::custom("no time: write 2026-11-24T10:00:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_time_is_read_as_rfc_3339_or_as_a_day() {
        assert_eq!(parse("1970-01-02"), Some(86_400_000));
        assert_eq!(parse("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(parse("1970-01-01T01:00:01+01:00"), Some(1000));
        assert_eq!(parse("1969-12-31"), Some(0));
        assert_eq!(parse("0001-01-01T00:00:00+23:59"), Some(0));
        assert_eq!(
            parse("9999-12-31T23:59:59-23:59"),
            Some(super::END_OF_CALENDAR)
        );
        for bad in [
            "",
            "yesterday",
            "2026-02-30",
            "12:00",
            "2026-11-24T10:00",
            "2026-11-24T10:00:00Zz",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
