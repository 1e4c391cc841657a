mod authority;
mod faults;
mod hosts;
mod lost;
mod passes;
mod requests;
mod stuck;
mod support;
