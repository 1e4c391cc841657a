use crate::password::policy::COMMON;
use crate::{MAX_PASSWORD_CHARS, MIN_OWNER_PASSWORD_CHARS, MIN_PASSWORD_CHARS, WeakPassword, check_password};

#[test]
fn asvs_6_2_1_short_passwords_are_refused_by_characters_not_bytes() {
    assert_eq!(
        check_password("kd8#mqz", MIN_PASSWORD_CHARS, &[]),
        Err(WeakPassword::TooShort { min: 8 })
    );
    assert_eq!(
        check_password("ключик", MIN_PASSWORD_CHARS, &[]),
        Err(WeakPassword::TooShort { min: 8 })
    );
    assert_eq!(check_password("kd8#mqzw", MIN_PASSWORD_CHARS, &[]), Ok(()));
    assert_eq!(
        check_password("kd8#mqzw", MIN_OWNER_PASSWORD_CHARS, &[]),
        Err(WeakPassword::TooShort { min: 12 })
    );
    assert_eq!(
        check_password("kd8#mqz", 0, &[]),
        Err(WeakPassword::TooShort { min: 8 }),
        "eight is the floor"
    );
}

#[test]
fn asvs_6_2_4_the_most_common_passwords_are_refused() {
    assert!(COMMON.lines().filter(|line| line.len() >= 8).count() >= 3000);
    for common in COMMON.lines() {
        assert_eq!(check_password(common, 8, &[]), Err(WeakPassword::Common), "{common}");
    }
    for variant in [
        "Password",
        "PASSWORD1!",
        "1password2024",
        "!sunshine!",
        "aaaaaaaaaaaaaaaa",
        "1212121212121",
    ] {
        assert_eq!(check_password(variant, 8, &[]), Err(WeakPassword::Common), "{variant}");
    }
}

#[test]
fn the_list_is_sorted_for_bisection() {
    let lines: Vec<&str> = COMMON.lines().collect();
    assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
    for absent in ["", "\n", "0", "~~~~~~~~~", "passwordd", "zzzzzzzzzzzzzzzzzzz1"] {
        assert!(
            !lines.contains(&absent) && !crate::password::policy::is_common(absent),
            "{absent:?}"
        );
    }
}

#[test]
fn asvs_6_2_5_any_composition_is_accepted() {
    for fine in [
        "plain words without digits",
        "8374650192837465",
        "пароль из русских слов",
        "🐎🔋🖇️✅🚀🌙🪐🧭🗝️",
    ] {
        assert_eq!(check_password(fine, MIN_PASSWORD_CHARS, &[]), Ok(()), "{fine}");
    }
}

#[test]
fn asvs_6_2_9_long_passwords_are_accepted_up_to_the_limit() {
    let long: String = "abcdefgh".chars().cycle().take(MAX_PASSWORD_CHARS).collect();
    assert_eq!(check_password(&long, 8, &[]), Ok(()));
    assert_eq!(check_password(&format!("{long}x"), 8, &[]), Err(WeakPassword::TooLong));
}

#[test]
fn asvs_6_2_11_the_persons_own_words_do_not_count() {
    let personal = [
        "maria.kowalska@example.net",
        "Maria Kowalska",
        "panel.acme-hosting.example",
    ];
    for weak in ["kowalska1987", "MariaKowalska!", "acme-hosting1", "example-2024"] {
        assert_eq!(
            check_password(weak, 8, &personal),
            Err(WeakPassword::Personal),
            "{weak}"
        );
    }
    for fine in ["kowalska rides a green bicycle", "tulip-anchor-velvet"] {
        assert_eq!(check_password(fine, 8, &personal), Ok(()), "{fine}");
    }
}
