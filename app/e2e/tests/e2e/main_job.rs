//! What the product is for, by API and by command line.

pub mod api;
mod cli;
mod headless;
pub mod person;
