mod answers;
mod arguments;
mod login;
mod server;
mod stores;
mod uploads;
mod views;
