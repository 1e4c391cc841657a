//! SQL only. What changes another's view of the actor takes the proof that it was authorised. A person's own things stand
//! where the person is at home, and not in the tenant of the proof.

pub mod activations;
pub mod api_tokens;
pub mod belongings;
pub mod devices;
pub mod emails;
pub mod erasure;
pub mod homes;
pub mod invitations;
pub mod mail_limits;
pub mod realm_hosts;
pub mod realm_links;
pub mod realms;
pub mod resets;
pub mod restored;
pub mod sealed;
pub mod service_accounts;
pub mod sessions;
pub mod sign_ins;
pub mod users;
