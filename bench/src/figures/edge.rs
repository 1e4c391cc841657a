//! The edge from a file of its own, beside the web servers that Debian packages.

mod collapse;
mod h2;
mod hosts;
mod rates;

use std::path::Path;

use anyhow::Result;

use crate::report::Figure;

#[cfg(test)]
pub(crate) use h2::succeeded;

/// A group of these figures.
pub type Group = fn(&Path) -> Result<Vec<Figure>>;

/// By name; each needs a folder, and no system.
pub const GROUPS: [(&str, Group); 6] = [
    ("static", rates::files),
    ("proxy", rates::proxy),
    ("cache", rates::cache),
    ("h2", h2::measure),
    ("collapse", collapse::measure),
    ("hosts", hosts::measure),
];
