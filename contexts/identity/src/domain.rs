//! Pure types and decisions.

mod account;
mod device;
mod invitation;
mod network;
mod networks;
mod presence;
mod realm;
mod service_account;
mod sign_ins;

pub use account::{Account, ApiToken, MeTenant, NewApiToken, SessionInfo, TokenFacts, password_minimum};
pub use device::Device;
pub use invitation::Invitation;
pub use network::Network;
pub use networks::Networks;
pub use presence::Presence;
pub use realm::{NewRealm, Realm, RealmPatch};
pub use service_account::{NewServiceAccount, ServiceAccount, ServiceAccountPatch};
pub use sign_ins::{Origin, Proof, Refusal, Refused, SecondFactor, SignInEntry, SignInId, SinceLast};

mpanel_kernel::define_ids! {
    /// Who shares a sign-in page and a set of addresses.
    RealmId = "realm",
}
