use mpanel_process::{Signal, procfs};

use crate::folder::{Folder, eventually, kill_and_wait};

#[test]
fn a_supervisor_becomes_its_successor_and_nothing_else_notices() {
    let mut folder = Folder::new();
    let up = folder.start_ready();
    let (children, postmaster, panel) = (folder.children(), folder.postmaster(), folder.address("panel"));
    up.process.signal(Signal::USR2).unwrap();
    eventually("the successor is ready", || {
        up.output().matches("is ready: http").count() == 2
    });
    assert!(up.is_alive(), "it has the same pid");
    assert_eq!(folder.children(), children);
    assert_eq!(folder.postmaster(), postmaster);
    assert_eq!(folder.address("panel"), panel);

    // What the predecessor started is watched, and leaves nothing behind in the kernel's table.
    let edge = children["edge"];
    kill_and_wait(edge);
    assert!(folder.ask_tcp("panel").starts_with("edge "));
    eventually("the killed child is taken out of the table", || {
        procfs::stat(edge).is_none()
    });
    assert_eq!(up.stop().0, Some(0));
    assert!(folder.postmaster().is_none(), "the adopted server is stopped too");
}

#[test]
fn processes_of_a_replaced_program_are_replaced_while_their_clients_wait() {
    let mut folder = Folder::new();
    let up = folder.start_ready();
    let (children, postmaster, panel) = (folder.children(), folder.postmaster(), folder.address("panel"));
    folder.replace_program("mpanel");
    up.process.signal(Signal::USR2).unwrap();
    eventually("another edge answers", || {
        let answer = folder.ask_tcp("panel");
        assert!(answer.starts_with("edge "), "nobody is turned away: {answer:?}");
        answer != format!("edge {}", children["edge"])
    });
    eventually("the successor is ready", || {
        up.output().matches("is ready: http").count() == 2
    });
    let now = folder.children();
    assert_eq!(folder.address("panel"), panel);
    assert_eq!(folder.postmaster(), postmaster);
    // Both programs are one version: the agent is replaced with the others.
    for name in ["edge", "serve", "agent", "dns-1", "dns-2"] {
        assert_ne!(now[name], children[name], "{name}");
        eventually("the old one is gone", || procfs::stat(children[name]).is_none());
    }
    assert_eq!(up.stop().0, Some(0));
}
