mod fake;
mod protocol;
mod unix_agent;
