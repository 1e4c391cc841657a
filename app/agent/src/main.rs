use std::process::ExitCode;

fn main() -> ExitCode {
    mpanel_agent::run(std::env::args_os())
}
