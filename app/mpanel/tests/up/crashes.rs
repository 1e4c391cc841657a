use mpanel_process::{Signal, procfs};

use crate::folder::{Folder, eventually, free_address, kill, kill_and_wait};

#[test]
fn a_killed_process_is_replaced_and_nobody_is_turned_away() {
    let mut folder = Folder::new();
    folder
        .options
        .extend(["--database-url".into(), "postgres://127.0.0.1:1/db".into()]);
    let up = folder.start_ready();
    for name in ["edge", "serve", "agent", "dns-1", "dns-2"] {
        let before = folder.children()[name];
        kill_and_wait(before);
        if name == "edge" {
            // The listener was never closed: the connection waits for the next process.
            let answer = folder.ask_tcp("panel");
            assert!(
                answer.starts_with("edge ") && answer != format!("edge {before}"),
                "{answer}"
            );
        }
        eventually(name, || folder.children().get(name).is_some_and(|now| *now != before));
    }
    up.stop();
}

#[test]
fn a_killed_postmaster_comes_back_and_the_rest_goes_on() {
    let mut folder = Folder::new();
    let up = folder.start_ready();
    let (children, postmaster) = (folder.children(), folder.postmaster().unwrap());
    kill(postmaster, Signal::KILL);
    eventually("another postmaster", || {
        folder.postmaster().is_some_and(|now| now != postmaster)
    });
    eventually("readiness", || up.output().matches("postgresql is ready").count() == 2);
    assert_eq!(folder.children(), children);
    assert_eq!(up.stop().0, Some(0));
}

#[test]
fn a_killed_supervisor_is_succeeded_without_interruption() {
    let mut folder = Folder::new();
    let up = folder.start_ready();
    let (children, postmaster, panel) = (folder.children(), folder.postmaster(), folder.address("panel"));
    up.kill();
    assert_eq!(
        folder.ask_tcp("panel"),
        format!("edge {}", children["edge"]),
        "the edge serves on"
    );

    let up = folder.start_ready();
    assert_eq!(folder.children(), children);
    assert_eq!(folder.postmaster(), postmaster);
    assert_eq!(folder.address("panel"), panel);
    // The successor holds the listeners too: with the adopted edge killed, clients wait as before.
    kill_and_wait(children["edge"]);
    let answer = folder.ask_tcp("panel");
    assert!(
        answer.starts_with("edge ") && answer != format!("edge {}", children["edge"]),
        "{answer}"
    );
    for name in ["dns-1", "serve", "agent"] {
        kill(children[name], Signal::KILL);
        eventually(name, || {
            folder.children().get(name).is_some_and(|now| *now != children[name])
        });
    }
    let postmaster = postmaster.unwrap();
    let (code, output) = up.stop();
    assert_eq!(code, Some(0), "{output}");
    for pid in children.into_values().chain([postmaster]) {
        assert!(!procfs::stat(pid).is_some_and(|stat| stat.is_alive()), "{output}");
    }
}

#[test]
fn a_successor_with_other_settings_replaces_the_children() {
    let mut folder = Folder::new();
    folder
        .options
        .extend(["--database-url".into(), "postgres://127.0.0.1:1/db".into()]);
    let up = folder.start_ready();
    let (children, http) = (folder.children(), folder.address("edge_http"));
    up.kill();
    // Fixed ports now, one of them another; the others are still held by the old children.
    let keep = |name: &str| folder.address(name).to_string();
    let options = [
        ("--edge-http", keep("edge_http")),
        ("--edge-https", keep("edge_https")),
        ("--dns", keep("dns")),
        ("--panel", free_address()),
    ];
    folder.options = options
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
    folder
        .options
        .extend(["--database-url".into(), "postgres://127.0.0.1:1/db".into()]);
    let old_panel = folder.address("panel");
    let up = folder.start_ready();
    assert_eq!(folder.address("edge_http"), http);
    assert_ne!(folder.address("panel"), old_panel);
    assert!(std::net::TcpStream::connect(old_panel).is_err());
    eventually("new children", || folder.children().len() == 5);
    assert_ne!(folder.children()["edge"], children["edge"]);
    assert_eq!(folder.ask_tcp("panel"), format!("edge {}", folder.children()["edge"]));
    up.stop();
}

#[test]
fn children_that_no_record_names_are_found_by_their_arguments() {
    let mut folder = Folder::new();
    folder
        .options
        .extend(["--database-url".into(), "postgres://127.0.0.1:1/db".into()]);
    let up = folder.start_ready();
    let children = folder.children();
    up.kill();
    let fixed = |name: &str| {
        [
            format!("--{}", name.replace('_', "-")),
            folder.address(name).to_string(),
        ]
    };
    folder.options = ["panel", "edge_http", "edge_https", "dns"]
        .into_iter()
        .flat_map(fixed)
        .collect();
    folder
        .options
        .extend(["--database-url".into(), "postgres://127.0.0.1:1/db".into()]);
    std::fs::write(folder.data().join("state.json"), "{ cut").unwrap();
    let up = folder.start_ready();
    eventually("new children", || folder.children().len() == 5);
    for (name, pid) in &children {
        assert!(!procfs::stat(*pid).is_some_and(|stat| stat.is_alive()), "{name}");
    }
    up.stop();
}
