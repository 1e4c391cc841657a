//! Pure types and decisions.

mod account;
mod network;
mod presence;

pub use account::{Account, ApiToken, MeTenant, NewApiToken, SessionInfo, password_minimum, person_name};
pub use network::Network;
pub use presence::Presence;

mpanel_kernel::define_ids! {
    /// Who shares a sign-in page and a set of addresses.
    RealmId = "realm",
}
