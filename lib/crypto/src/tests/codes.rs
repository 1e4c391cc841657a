use std::collections::HashSet;

use crate::backup::normalise;
use crate::{BACKUP_CODES, TotpSecret, generate_backup_codes};

fn secret() -> TotpSecret {
    TotpSecret::try_from(&b"12345678901234567890"[..]).unwrap()
}

/// RFC 6238 appendix B, SHA-1 rows, cut to six digits.
#[test]
fn totp_matches_the_published_vectors() {
    for (seconds, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(secret().verify(code, seconds, None), Some(seconds / 30), "{seconds}");
    }
}

#[test]
fn one_step_of_drift_is_accepted_and_no_more() {
    let (secret, now) = (secret(), 2_000_000_000u64);
    let step = now / 30;
    for offset in [-2i64, -1, 0, 1, 2] {
        let at = step.checked_add_signed(offset).unwrap();
        let expected = (offset.abs() <= 1).then_some(at);
        assert_eq!(secret.verify(&secret.code(at), now, None), expected, "offset {offset}");
    }
    assert_eq!(
        secret.verify(&secret.code(0), 10, None),
        Some(0),
        "the first step has no predecessor"
    );
}

#[test]
fn asvs_6_5_1_a_totp_code_works_once() {
    let (secret, now) = (secret(), 2_000_000_000u64);
    let step = now / 30;
    let code = secret.code(step);
    let used = secret.verify(&code, now, None).unwrap();
    assert_eq!(secret.verify(&code, now, Some(used)), None);
    assert_eq!(
        secret.verify(&code, now + 30, Some(used)),
        None,
        "nor within the drift of the next step"
    );
    assert_eq!(
        secret.verify(&secret.code(step - 1), now, Some(used)),
        None,
        "nor an older one afterwards"
    );
    assert_eq!(
        secret.verify(&secret.code(step + 1), now + 30, Some(used)),
        Some(step + 1)
    );
}

#[test]
fn codes_of_another_form_or_secret_do_not_match() {
    let (secret, now) = (secret(), 2_000_000_000u64);
    let code = secret.code(now / 30);
    for bad in ["", "2790", "2790370", " 279037", "२७९०३७"] {
        assert_eq!(secret.verify(bad, now, None), None, "{bad:?}");
    }
    let others = (0..3)
        .filter(|_| TotpSecret::generate().verify(&code, now, None).is_some())
        .count();
    assert!(others < 3);
    assert!(TotpSecret::try_from(&[0u8; 19][..]).is_err());
}

#[test]
fn the_otpauth_address_escapes_names() {
    let uri = secret().otpauth_uri("Acme & Söhne", "a+b@example.net");
    assert_eq!(
        uri.as_str(),
        "otpauth://totp/Acme%20%26%20S%C3%B6hne:a%2Bb%40example.net\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"
    );
    assert_eq!(format!("{:?}", secret()), "TotpSecret([redacted])");
}

#[test]
fn asvs_6_5_3_backup_codes_are_random_and_readable() {
    let codes = generate_backup_codes();
    assert_eq!(codes.len(), BACKUP_CODES);
    let different: HashSet<&str> = codes.iter().map(|code| code.as_str()).collect();
    assert_eq!(different.len(), BACKUP_CODES);
    for code in &codes {
        assert_eq!((code.len(), code.find('-')), (11, Some(5)));
        assert_eq!(normalise(code).unwrap().as_str(), code.replace('-', ""));
    }
}

#[test]
fn backup_codes_are_read_as_people_type_them() {
    assert_eq!(normalise(" O1lI0-ABCDE\n").unwrap().as_str(), "01110abcde");
    for bad in [
        "",
        "01110-abcd",
        "01110-abcdef",
        "01110-abcdu",
        "01110-abcdé",
        &"0".repeat(100),
    ] {
        assert!(normalise(bad).is_none(), "{bad}");
    }
}
