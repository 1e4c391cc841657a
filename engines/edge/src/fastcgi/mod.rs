//! PHP and other programs behind FastCGI (FastCGI Specification 1.0; RFC 3875 for what is said through it).
//!
//! A `php` target is a tree of files of which some are programs. Which path leads to what is decided in `script`; files
//! are sent by the same code as those of static sites, programs are asked through a socket. Bodies stream both ways.

mod answer;
mod body;
mod exchange;
pub mod head;
mod idle;
mod params;
pub mod record;
mod route;
mod script;
mod spool;

pub(crate) use answer::Asked;
pub(crate) use body::ProgramBody;
pub(crate) use idle::Idle;
pub(crate) use route::PhpRoute;
pub(crate) use script::Scripts;
