//! `mpanel up` as an operator runs it, with stand-ins for the processes it supervises and a real PostgreSQL.

mod crashes;
mod folder;
mod refusals;
mod starts;
