//! Times: milliseconds since 1970 in memory, RFC 3339 in JSON.

use jiff::{Timestamp as Instant, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

/// Milliseconds since 1970-01-01T00:00:00Z, as the contract's `timestamp`.
pub type Timestamp = u64;

/// Where the contract's calendar ends: the year 9999 begins. RFC 3339 has no five digits for a year, and
/// libraries fail near the end of that year, each a little earlier or later.
pub const END_OF_CALENDAR: Timestamp = 253_370_764_800_000;

/// The time on this machine's clock; a clock before 1970 reads as 0.
pub fn now() -> Timestamp {
    u64::try_from(Instant::now().as_millisecond()).unwrap_or(0)
}

/// The time as RFC 3339 writes it, in UTC. `None` beyond the year 9999.
pub fn rfc3339(time: Timestamp) -> Option<String> {
    let instant = Instant::from_millisecond(i64::try_from(time).ok()?).ok()?;
    Some(instant.to_string())
}

/// A time as RFC 3339 writes it, or a day, which begins at midnight in UTC.
pub fn parse(text: &str) -> Option<Timestamp> {
    let instant = match text.parse::<Date>() {
        Ok(day) if !text.contains('T') => TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?,
        _ => text.parse::<Instant>().ok()?,
    };
    u64::try_from(instant.as_millisecond()).ok()
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

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_time_is_read_as_rfc_3339_or_as_a_day() {
        assert_eq!(parse("1970-01-02"), Some(86_400_000));
        assert_eq!(parse("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(parse("1970-01-01T01:00:01+01:00"), Some(1000));
        for bad in ["", "yesterday", "1969-12-31", "2026-02-30", "12:00"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
