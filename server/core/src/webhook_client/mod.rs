//! Client for webhooks: signs as in Standard Webhooks ([`Secret`]), sends only to allowed addresses ([`Destinations`]),
//! once for each call of a [`Sender`]. [`pause_after`] is the backoff of retries.

mod address;
mod pause;
mod sender;
mod signature;

pub use address::{Destinations, NoDestination};
pub use pause::{GIVEN_UP_AFTER, pause_after};
pub use sender::{NotDelivered, Outgoing, Sender};
pub use signature::{BadSecret, Secret};
