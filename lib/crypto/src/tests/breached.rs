use std::io::ErrorKind;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::HEXUPPER;

use crate::password::breached::TestFilter;
use crate::password::policy::COMMON;
use crate::{HashFile, WeakPassword, check_password, is_breached};

#[test]
fn asvs_6_2_12_passwords_that_leaked_are_refused_in_any_case() {
    for leaked in ["msnetmtg", "FuchsBau", "qwerty12341"] {
        assert!(!crate::password::policy::is_common(&leaked.to_lowercase()), "{leaked}");
        assert_eq!(check_password(leaked, 8, &[]), Err(WeakPassword::Breached), "{leaked}");
    }
    assert_eq!(check_password("correct horse battery staple", 8, &[]), Ok(()));
}

/// All that the exact list of common passwords has is in the filter as well.
#[test]
fn asvs_6_2_12_the_filter_misses_nothing_of_its_list() {
    let missed: Vec<&str> = COMMON.lines().filter(|line| !is_breached(line)).collect();
    assert!(missed.len() <= 1, "{missed:?}");
}

#[test]
fn fewer_than_one_of_ten_thousand_others_are_taken_for_leaked() {
    let wrong = (0..200_000)
        .filter(|n| is_breached(&format!("mpanel {n} nobody has this")))
        .count();
    assert!(wrong < 20, "{wrong} of 200,000");
}

#[test]
fn what_is_no_filter_is_not_read() {
    let mut file = b"mpbf1\0\0\0".to_vec();
    file.extend([0; 8]);
    file.extend(4_u32.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend([0; 24]);
    assert!(TestFilter::read(&file).is_some());
    assert!(TestFilter::read(&file[..file.len() - 1]).is_none());
    assert!(TestFilter::read(b"").is_none());
    file[16] = 3;
    assert!(TestFilter::read(&file).is_none(), "segments are a power of two");
}

fn line(password: &str, seen: usize) -> String {
    let hash = HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref());
    format!("{hash}:{seen}")
}

#[test]
fn an_operators_sorted_file_is_searched_by_bisection() {
    let folder = tempfile::tempdir().unwrap();
    for (count, end) in [(1, "\n"), (2, "\r\n"), (7, "\n"), (1000, "\r\n")] {
        let mut lines: Vec<String> = (0..count).map(|n| line(&format!("password {n}"), 7 * n)).collect();
        lines.sort();
        for ended in [true, false] {
            let path = folder.path().join("hashes");
            let mut text = lines.join(end);
            if ended {
                text.push_str(end);
            }
            std::fs::write(&path, text).unwrap();
            let file = HashFile::open(&path).unwrap();
            for n in 0..count {
                assert!(file.contains(&format!("password {n}")).unwrap(), "{n} of {count}");
            }
            for n in count..count + 50 {
                assert!(!file.contains(&format!("password {n}")).unwrap(), "{n} of {count}");
            }
        }
    }
}

#[test]
fn a_file_of_another_format_is_refused_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hashes");
    assert_eq!(HashFile::open(&path).unwrap_err().kind(), ErrorKind::NotFound);
    for text in [
        "",
        "password\n",
        "0018A45C4D1DEF81644B54AB7F969B88D65:3\n",
        &line("lower", 1).to_lowercase(),
        &"A".repeat(4096),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(
            HashFile::open(&path).unwrap_err().kind(),
            ErrorKind::InvalidData,
            "{text}"
        );
    }
}
