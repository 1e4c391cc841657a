//! Which names a public authority can be asked for, and when. No IO.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

/// Names that are nobody's to register (RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476, and what ICANN keeps for inside).
const INSIDE: &[&str] = &[
    "alt",
    "home.arpa",
    "internal",
    "invalid",
    "local",
    "localhost",
    "onion",
    "test",
];

/// The domain that one registers for a name, `*.` or not.
///
/// # Errors
/// Why no public authority issues for the name, as a sentence for its owner.
pub fn registered(name: &str) -> Result<String, String> {
    if name.parse::<IpAddr>().is_ok() {
        return Err(format!(
            "{name} is an address: this installation's own authority signs for it"
        ));
    }
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let inside =
        |suffix: &&&str| bare == **suffix || bare.strip_suffix(**suffix).is_some_and(|rest| rest.ends_with('.'));
    if let Some(suffix) = INSIDE.iter().find(inside) {
        return Err(format!(
            "{name} ends in .{suffix}, which exists only inside: this installation's own authority signs for it"
        ));
    }
    let known = psl::suffix(bare.as_bytes()).is_some_and(|suffix| suffix.is_known());
    match psl::domain_str(bare) {
        Some(domain) if known => Ok(domain.to_owned()),
        _ => Err(format!(
            "{name} is not below a domain that one can register: this installation's own authority signs for it"
        )),
    }
}

/// The registered domains of names, each once.
///
/// # Errors
/// As [`registered`], for the first name that has none.
pub fn all_registered(names: &[String]) -> Result<Vec<String>, String> {
    let mut domains = names
        .iter()
        .map(|name| registered(name))
        .collect::<Result<Vec<_>, _>>()?;
    domains.sort_unstable();
    domains.dedup();
    Ok(domains)
}

/// How long the same is not tried again that has failed so often: a minute, then four times as long, up to a day; a tenth more
/// or less.
pub fn pause(failures: i32) -> SignedDuration {
    const LONGEST: SignedDuration = SignedDuration::from_hours(24);
    let minutes = 4_i64.pow(u32::try_from(failures.clamp(0, 6)).unwrap_or_default());
    jittered(SignedDuration::from_mins(minutes).min(LONGEST))
}

/// How long an authority is left alone that was in trouble so often in a row.
pub fn rest(failures: i32) -> SignedDuration {
    const LONGEST: SignedDuration = SignedDuration::from_hours(1);
    let seconds = 15_i64 << failures.clamp(0, 8);
    jittered(SignedDuration::from_secs(seconds).min(LONGEST))
}

/// A moment soon after the one until which many wait: they do not all come at once when there may be room for one only. A tenth
/// of the wait at most, and ten minutes.
pub fn soon_after(until: Timestamp, now: Timestamp) -> Timestamp {
    const LONGEST: SignedDuration = SignedDuration::from_mins(10);
    let spread = (until.duration_since(now) / 10).clamp(SignedDuration::ZERO, LONGEST);
    let by = SignedDuration::try_from_secs_f64(spread.as_secs_f64() * rand::random::<f64>()).unwrap_or_default();
    later(until, by)
}

fn jittered(around: SignedDuration) -> SignedDuration {
    let seconds = around.as_secs_f64() * (0.9 + 0.2 * rand::random::<f64>());
    SignedDuration::try_from_secs_f64(seconds).unwrap_or(around)
}

pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

pub fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// An authority as it is known by name.
pub struct Preset {
    pub name: &'static str,
    pub directory_url: &'static str,
    /// Whether it wants a binding to an account made elsewhere (RFC 8555 §7.3.4).
    pub external: bool,
}

pub const PRESETS: &[Preset] = &[
    preset("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory", false),
    preset(
        "letsencrypt-staging",
        "https://acme-staging-v02.api.letsencrypt.org/directory",
        false,
    ),
    preset("zerossl", "https://acme.zerossl.com/v2/DV90", true),
    preset("google", "https://dv.acme-v02.api.pki.goog/directory", true),
    preset("sslcom", "https://acme.ssl.com/sslcom-dv-ecc", true),
];

const fn preset(name: &'static str, directory_url: &'static str, external: bool) -> Preset {
    Preset {
        name,
        directory_url,
        external,
    }
}
