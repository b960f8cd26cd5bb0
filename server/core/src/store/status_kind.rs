//! The status of a device, without a reason.

use mdm_contract::{Failure, Status};

mdm_contract::text_enum! {
    /// The status of a device, without a reason: that of its latest command, unless the device was revoked.
    #[derive(utoipa::ToSchema)]
    StatusKind {
        /// It never had a command.
        None = "none",
        /// It is to carry it out.
        Pending = "pending",
        /// It did it.
        Success = "success",
        /// The device could not do it.
        Failed = "failed",
        /// An admin took it back before the device answered.
        Cancelled = "cancelled",
        /// Its time was over before the device answered.
        Expired = "expired",
        /// Another command replaced it before the device answered.
        Superseded = "superseded",
        /// An admin revoked the device: nothing reaches it any more.
        Revoked = "revoked",
    }
}

impl From<&Status> for StatusKind {
    /// The host ends commands, too: that is no failure of the device.
    fn from(status: &Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Success => Self::Success,
            Status::Failed(Failure::Cancelled) => Self::Cancelled,
            Status::Failed(Failure::Expired) => Self::Expired,
            Status::Failed(Failure::Superseded(_)) => Self::Superseded,
            Status::Failed(_) => Self::Failed,
        }
    }
}
