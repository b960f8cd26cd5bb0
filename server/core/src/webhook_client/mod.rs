//! How a message reaches a receiver: signed as Standard Webhooks says ([`Secret`]), only to addresses that the host
//! may call ([`Destinations`]), once for each call of a [`Sender`], and again after the pauses of [`pause_after`].

mod address;
mod pause;
mod sender;
mod signature;

pub use address::{Destinations, NoDestination};
pub use pause::{GIVEN_UP_AFTER, pause_after};
pub use sender::{NotDelivered, Outgoing, Sender};
pub use signature::{BadSecret, Secret};
