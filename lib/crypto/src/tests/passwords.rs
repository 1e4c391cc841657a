use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::{Passwords, Verdict, generate_backup_codes};

const RIGHT: &str = "correct horse battery staple";

#[tokio::test]
async fn asvs_11_4_2_passwords_are_stored_as_argon2id_with_owasp_parameters() {
    let hash = Passwords::new(2).hash(RIGHT).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
}

#[tokio::test]
async fn the_right_password_matches_and_nothing_else_does() {
    let passwords = Passwords::new(2);
    let hash = passwords.hash(RIGHT).await.unwrap();
    assert_eq!(
        passwords.verify(RIGHT, Some(&hash)).await.unwrap(),
        Verdict::Match { rehash: false }
    );
    for wrong in [
        "",
        "correct horse battery stapl",
        "Correct horse battery staple",
        "correct horse battery staple ",
    ] {
        assert_eq!(
            passwords.verify(wrong, Some(&hash)).await.unwrap(),
            Verdict::Mismatch,
            "{wrong:?}"
        );
    }
    assert_ne!(hash, passwords.hash(RIGHT).await.unwrap(), "salts are fresh");
}

#[tokio::test]
async fn hashes_with_other_parameters_still_match_and_ask_for_a_rehash() {
    // argon2id, 7 MiB, 5 passes, salt "somesaltsomesalt": made by the reference implementation (argon2-cffi).
    let old = "$argon2id$v=19$m=7168,t=5,p=1$c29tZXNhbHRzb21lc2FsdA$4IBHBCGZwZG/751s+60VA1hVA7CPbz6GXoB7rCaEEqw";
    let passwords = Passwords::new(1);
    assert_eq!(
        passwords.verify(RIGHT, Some(old)).await.unwrap(),
        Verdict::Match { rehash: true }
    );
    assert_eq!(passwords.verify("wrong", Some(old)).await.unwrap(), Verdict::Mismatch);
}

#[tokio::test]
async fn damaged_hashes_are_errors_and_not_mismatches() {
    for bad in [
        "",
        "plain",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2id$v=19$m=1,t=0,p=1$c29tZXNhbHQ$AAAA",
    ] {
        assert!(Passwords::new(1).verify(RIGHT, Some(bad)).await.is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn asvs_6_3_8_unknown_users_cost_the_same_work() {
    let passwords = Passwords::new(1);
    let hash = passwords.hash(RIGHT).await.unwrap();
    assert_eq!(passwords.verify(RIGHT, None).await.unwrap(), Verdict::Mismatch);
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..5 {
        for (slot, stored) in [Some(hash.as_str()), None].into_iter().enumerate() {
            let start = Instant::now();
            passwords.verify("wrong", stored).await.unwrap();
            fastest[slot] = fastest[slot].min(start.elapsed());
        }
    }
    let [known, unknown] = fastest.map(|time| time.as_secs_f64());
    // Skipping the hash would be hundreds of times faster; a factor of three is far from both that and noise.
    assert!(
        unknown * 3.0 > known && known * 3.0 > unknown,
        "{known} s against {unknown} s"
    );
}

#[tokio::test]
async fn asvs_6_5_2_backup_codes_are_hashed() {
    let passwords = Passwords::new(2);
    let codes = generate_backup_codes();
    let hashes = passwords.hash_backup_codes(&codes).await.unwrap();
    assert_eq!(hashes.len(), 10);
    for (index, hash) in hashes.iter().enumerate() {
        assert!(hash.starts_with("$argon2id$") && !hash.contains(codes[index].as_str()));
    }
    assert_eq!(passwords.find_backup_code(&codes[3], &hashes).await.unwrap(), Some(3));
    let typed = codes[7].replace('-', " ").to_uppercase();
    assert_eq!(passwords.find_backup_code(&typed, &hashes).await.unwrap(), Some(7));
}

#[tokio::test]
async fn asvs_6_5_1_a_removed_backup_code_does_not_match_again() {
    let passwords = Passwords::new(2);
    let codes: Vec<Zeroizing<String>> = generate_backup_codes().into_iter().take(2).collect();
    let mut hashes = passwords.hash_backup_codes(&codes).await.unwrap();
    let used = passwords.find_backup_code(&codes[0], &hashes).await.unwrap().unwrap();
    hashes.remove(used);
    assert_eq!(passwords.find_backup_code(&codes[0], &hashes).await.unwrap(), None);
    assert_eq!(passwords.find_backup_code(&codes[1], &hashes).await.unwrap(), Some(0));
    assert_eq!(passwords.find_backup_code(&codes[1], &[]).await.unwrap(), None);
}

#[tokio::test]
async fn hashing_gives_its_memory_back() {
    let passwords = Passwords::new(1);
    for _ in 0..20 {
        passwords.hash(RIGHT).await.unwrap();
    }
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    let mib = pages * rustix::param::page_size() / (1 << 20);
    // Twenty hashes left 200 MiB behind when glibc kept the blocks; other tests hash at the same time.
    assert!(mib < 120, "{mib} MiB resident");
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_free_its_place_early() {
    let passwords = Passwords::new(1);
    let (finish, wait) = std::sync::mpsc::channel::<()>();
    tokio::select! {
        biased;
        _ = passwords.run(move || wait.recv()) => panic!("the work cannot have ended"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(passwords.free_permits(), 0, "the work still runs");
    drop(finish);
    passwords.hash(RIGHT).await.unwrap();
    assert_eq!(passwords.free_permits(), 1);
}
