mod authority;
mod hosts;
mod lost;
mod passes;
mod requests;
mod support;
