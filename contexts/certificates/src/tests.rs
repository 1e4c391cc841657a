mod authority;
mod hosts;
mod passes;
mod requests;
mod support;
