use crate::account;
use crate::procfs::{self, Stat, parse_stat};

#[test]
fn a_program_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
    let line = "4242 (a) b (c) S 17 4242 4242 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 998877 1 2 3";
    assert_eq!(
        parse_stat(line),
        Some(Stat {
            state: 'S',
            parent: 17,
            threads: 1,
            start: 998_877
        })
    );
}

#[test]
fn a_killed_process_lives_until_its_last_thread_has_ended() {
    let with_threads = |count| format!("1 (edge) Z 17 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 {count} 0 998877 1 2 3");
    assert!(parse_stat(&with_threads(3)).unwrap().is_alive());
    assert!(!parse_stat(&with_threads(1)).unwrap().is_alive());
}

#[test]
fn a_cut_line_is_no_process() {
    assert_eq!(parse_stat("4242 (name) S 17"), None);
    assert_eq!(parse_stat(""), None);
}

#[test]
fn this_process_sees_itself() {
    let pid = std::process::id();
    assert!(procfs::stat(pid).unwrap().is_alive());
    assert!(procfs::pids().contains(&pid));
    assert_eq!(procfs::program(pid).unwrap(), std::env::current_exe().unwrap());
    assert!(!procfs::argv(pid).unwrap().is_empty());
    assert!(procfs::memory(pid).unwrap().0 > 0);
}

#[test]
fn accounts_are_parsed_and_broken_lines_skipped() {
    let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nweb:x:33:44::/:/usr/sbin/nologin\n";
    let web = account::find(passwd, |account| account.name == "web").unwrap();
    assert_eq!((web.uid, web.gid), (33, 44));
    assert_eq!(account::find(passwd, |account| account.name == "broken"), None);
}
