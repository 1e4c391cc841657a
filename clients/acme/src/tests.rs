mod errors;
mod pebble;
