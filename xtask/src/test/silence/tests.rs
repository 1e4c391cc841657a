use super::*;

/// A program that says nothing and waits for another.
fn waiting(seconds: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["600", "sleep", seconds]);
    command
}

#[test]
fn one_that_ends_has_the_end_that_it_has() {
    run(Command::new("echo").arg("said"), Duration::from_mins(1)).unwrap();
    let failed = run(&mut Command::new("false"), Duration::from_mins(1)).unwrap_err();
    assert!(failed.to_string().contains("exit status: 1"), "{failed}");
}

#[test]
fn one_that_falls_silent_is_ended_with_what_it_started_and_named() {
    let told = run(&mut waiting("599.87"), Duration::from_millis(300)).unwrap_err();
    let told = told.to_string();
    let started = told
        .lines()
        .find(|line| line.contains(" sleep 599.87:") && !line.contains("timeout"));
    let (pid, _) = started.unwrap_or_else(|| panic!("{told}")).split_once(' ').unwrap();
    let pid: u32 = pid.parse().unwrap();
    while describe(pid).is_some_and(|told| told.contains("599.87")) {
        thread::sleep(LOOK);
    }
}
