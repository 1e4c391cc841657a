//! Sockets: opening them, and the loops that serve them.

pub mod bind;
pub(crate) mod tcp;
pub(crate) mod udp;
