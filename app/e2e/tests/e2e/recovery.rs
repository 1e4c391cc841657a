//! Backups of the installation itself, restored elsewhere, and what becomes of an installation without its master key.

mod elsewhere;
mod keys;
mod kills;
mod missing;
mod mounted;
mod refused;
mod scheduled;
mod world;
