mod answers;
mod arguments;
mod login;
mod server;
mod sites;
mod stores;
mod uploads;
mod views;
