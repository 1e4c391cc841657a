//! Behaviour on a real PostgreSQL. Names carry the requirement of OWASP ASVS 5.0 that they show.

mod acceptance;
mod activation;
mod api_tokens;
mod claim;
mod credential;
mod http;
mod password;
mod sessions;
mod sign_in;
mod store;
mod support;
mod throttle;
mod totp;
