#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod fake;
mod protocol;
mod unix_agent;
