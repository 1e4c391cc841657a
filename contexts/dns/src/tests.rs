mod hosts;
mod isolation;
mod patches;
mod records;
mod requests;
mod support;
mod zones;
