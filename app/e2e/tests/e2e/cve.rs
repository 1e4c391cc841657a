//! One test a class of holes that hosting panels had, named after a case of it.

mod allow_lists;
mod archives;
mod first_run;
mod names;
mod network;
mod quotas;
mod secrets;
mod sessions;
