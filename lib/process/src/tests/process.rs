use std::io::Read;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::{Listener, Process, Signal, Spawn, procfs};

fn sleeper() -> Process {
    Spawn::new("/bin/sleep").arg("600").start().unwrap()
}

#[tokio::test]
async fn a_child_is_waited_for_and_reports_its_status() {
    let mut child = Spawn::new("/bin/false").start().unwrap();
    let exit = child.wait().await.unwrap();
    assert_eq!(exit.status.unwrap().code(), Some(1));
    assert_eq!(child.wait().await.unwrap(), exit);
}

#[tokio::test]
async fn a_living_process_is_adopted_only_with_its_start_time() {
    let mut child = sleeper();
    assert!(Process::adopt(child.pid(), child.start() + 1).unwrap().is_none());
    let mut adopted = Process::adopt(child.pid(), child.start()).unwrap().unwrap();
    assert!(adopted.wait_for(Duration::from_millis(20)).await.unwrap().is_none());
    adopted.signal(Signal::TERM).unwrap();
    assert_eq!(adopted.wait().await.unwrap().status, None);
    // It was a child of ours, as after an `execve`: nobody else would have reaped it.
    assert!(procfs::stat(child.pid()).is_none_or(|stat| stat.start != child.start()));
    assert!(child.wait().await.is_err());
    assert!(Process::adopt(child.pid(), child.start()).unwrap().is_none());
    child.signal(Signal::TERM).unwrap();
}

#[tokio::test]
async fn a_child_gets_only_the_named_environment_and_its_own_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let mut child = Spawn::new("/usr/bin/env")
        .env("ONLY", "this")
        .output(std::fs::File::create(&path).unwrap())
        .start()
        .unwrap();
    child.wait().await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "ONLY=this\n");
    let mut child = sleeper();
    let group = rustix::process::getpgid(rustix::process::Pid::from_raw(child.pid() as i32)).unwrap();
    assert_eq!(group.as_raw_pid() as u32, child.pid());
    child.signal(Signal::KILL).unwrap();
    child.wait().await.unwrap();
}

#[tokio::test]
async fn a_passed_listener_is_taken_back_from_the_child() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listeners = vec![Listener {
        name: "edge-http".into(),
        fd: OwnedFd::from(socket),
    }];
    let mut child = Spawn::new("/bin/sleep")
        .arg("600")
        .listeners(listeners)
        .start()
        .unwrap();
    let again = TcpListener::from(child.duplicate_fd(3).unwrap());
    assert_eq!(again.local_addr().unwrap(), address);
    assert!(child.duplicate_fd(97).is_err());
    child.signal(Signal::KILL).unwrap();
    child.wait().await.unwrap();
    let mut client = std::net::TcpStream::connect(address).unwrap();
    drop(again.accept().unwrap());
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_process_bound_to_a_thread_ends_with_it() {
    let (pid, start) = std::thread::spawn(|| {
        let child = Spawn::new("/bin/sleep")
            .arg("600")
            .dies_with_thread("KILL")
            .start()
            .unwrap();
        // The signal is set by `setpriv` just before it becomes the program.
        while !procfs::program(child.pid()).is_some_and(|program| program.ends_with("sleep")) {
            std::thread::yield_now();
        }
        (child.pid(), child.start())
    })
    .join()
    .unwrap();
    while procfs::stat(pid).is_some_and(|stat| stat.start == start && stat.is_alive()) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn a_program_in_a_private_folder_runs_as_another_account() {
    if !mpanel_testkit::root::here_or_excused("only root changes identity") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("true");
    std::fs::copy("/bin/true", &program).unwrap();
    let nobody = crate::account::Account::by_name("nobody").unwrap().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners = vec![Listener {
        name: "x".into(),
        fd: OwnedFd::from(socket),
    }];
    let mut child = Spawn::new(&program)
        .run_as(Some(&nobody))
        .listeners(listeners)
        .start()
        .unwrap();
    assert!(child.wait().await.unwrap().status.unwrap().success());
}

#[tokio::test]
async fn a_process_ends_with_its_holder_only_when_asked_to() {
    let mut child = sleeper();
    let mut second = Process::adopt(child.pid(), child.start()).unwrap().unwrap();
    drop(Process::adopt(child.pid(), child.start()).unwrap());
    second.end_on_drop(Some(Signal::KILL));
    second.end_on_drop(None);
    drop(second);
    assert!(child.wait_for(Duration::from_millis(20)).await.unwrap().is_none());
    let mut third = Process::adopt(child.pid(), child.start()).unwrap().unwrap();
    third.end_on_drop(Some(Signal::KILL));
    drop(third);
    child.wait().await.unwrap();
}
