//! Identity: users, invitations, sessions, one-time passwords, and tokens of programs.

mod credentials;
mod failed_logins;
mod invitation;
mod invitations;
mod login_throttle;
mod one_time_passwords;
mod password_hasher;
mod sessions;
mod tokens;
mod users;

pub use failed_logins::FailedLoginWriter;
pub(crate) use failed_logins::FailedLogins;
pub use invitation::Invitation;
pub use invitations::FirstAdmin;
pub(crate) use login_throttle::LoginThrottle;
pub use one_time_passwords::NewTotp;
pub(crate) use password_hasher::PasswordHasher;
pub use sessions::{SignIn, SignInError};
pub use users::Identity;
