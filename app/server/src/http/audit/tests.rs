mod export;
mod retention;
mod search;
mod support;
