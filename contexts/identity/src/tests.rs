//! Behaviour on a real PostgreSQL. Names carry the requirement of OWASP ASVS 5.0 that they show.

mod acceptance;
mod activation;
mod api_tokens;
mod claim;
mod credential;
mod crowd;
mod email;
mod erasure;
mod homes;
mod http;
mod invitations;
mod leaked;
mod lost;
mod mailbox;
mod password;
mod realms;
mod reset;
mod service_accounts;
mod sessions;
mod sign_in;
mod sign_ins;
mod step_up;
mod store;
mod support;
mod throttle;
mod totp;
