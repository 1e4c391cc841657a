//! What is measured, a group of figures a module.

pub mod crowd;
pub mod edge;
pub mod list;
pub mod memory;
pub mod queue;
pub mod served;
pub mod start;
