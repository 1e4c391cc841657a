mod faults;
mod file;
mod letter;
mod message;
mod peer;
mod post;
mod smtp;
mod support;
