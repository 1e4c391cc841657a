//! One test a class of holes that hosting panels had, named after a case of it.

mod archives;
mod first_run;
mod names;
mod quotas;
mod sessions;
