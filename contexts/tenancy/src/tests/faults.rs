//! Everything that can go wrong with what tenancy does in the background.

mod ending;
mod exports;
