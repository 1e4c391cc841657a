//! What people are told by mail: every text, in English.

use std::net::IpAddr;

use jiff::Timestamp;
use mpanel_client_mailer::{Brand, Letter};
use mpanel_crypto::Token;

const NOT_YOU: &str =
    "If this was not you, ask for a new password on the sign-in page at once, and tell your provider.";

/// A moment as people read it, in UTC.
fn moment(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

fn place(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "the server itself".to_owned(), |address| address.to_string())
}

fn page(brand: &Brand, path: &str, token: &Token) -> String {
    // A fragment is sent to no server, so that the token stands in no log.
    format!("{}/{path}#{}", brand.panel, token.reveal())
}

/// A name that somebody chose, as it stands in a letter to somebody else: on one line, and nothing that a mailbox would make a link
/// of, but for a bare domain, which tenants are called by.
pub(crate) fn harmless(name: &str) -> String {
    let word = |word: &str| {
        let lower = word.to_lowercase();
        let link = lower.contains("://") || lower.contains("www.") || (lower.contains('.') && lower.contains('/'));
        if link { "…".to_owned() } else { word.to_owned() }
    };
    name.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// An account whose password may be set, as its owner knows it.
pub struct Way {
    pub tenants: Vec<String>,
    pub token: Token,
}

/// The answer to who has forgotten a password: a link for each account of the address.
pub fn password_reset(brand: &Brand, ways: &[Way], asked_from: Option<IpAddr>, until: Timestamp) -> Letter {
    let mut letter = Letter::new(&format!("Your new password at {}", brand.name)).text(format!(
        "Somebody, probably you, asked to set a new password at {}.",
        brand.name
    ));
    if ways.len() > 1 {
        letter = letter.text("There are several accounts with your address. Choose the one that you want to get into.");
    }
    for way in ways {
        let label = match way.tenants.as_slice() {
            [] => "Set a new password".to_owned(),
            tenants => format!("Set a new password for {}", harmless(&tenants.join(", "))),
        };
        letter = letter.link(label, page(brand, "reset", &way.token));
    }
    letter
        .text("Each link works once. If you use an authenticator app, you need its code as well.")
        .text("If you did not ask for this, do nothing: your password stays as it is.")
        .fact("Asked from", place(asked_from))
        .fact("Works until", moment(until))
        .until(until)
}

pub fn invitation(brand: &Brand, (name, tenant): (&str, &str), token: &Token, until: Timestamp) -> Letter {
    let (name, tenant) = (harmless(name), harmless(tenant));
    Letter::new(&format!("You are invited to {tenant}"))
        .text(format!("Hello {name},"))
        .text(format!("you are invited to work on “{tenant}” at {}.", brand.name))
        .link("Accept the invitation", page(brand, "activate", token))
        .text("There you set a password, or join with the account that you have for this address already.")
        .text("If you do not know what this is about, do nothing.")
        .fact("Works until", moment(until))
        .until(until)
}

pub fn email_proof(brand: &Brand, name: &str, token: &Token, until: Timestamp) -> Letter {
    Letter::new(&format!("Confirm your new address at {}", brand.name))
        .text(format!("Hello {name},"))
        .text(format!(
            "confirm that your account at {} is to have this address from now on.",
            brand.name
        ))
        .link("Confirm the address", page(brand, "confirm-email", token))
        .text("If you did not ask for this, do nothing: nobody's address changes.")
        .fact("Works until", moment(until))
        .until(until)
}

/// Something about how one signs in is another than before.
pub enum Notice<'a> {
    PasswordChanged,
    PasswordReset,
    TotpEnabled,
    TotpDisabled,
    EmailChanged {
        to: &'a str,
    },
    NewDevice {
        browser: Option<&'static str>,
        system: Option<&'static str>,
    },
}

pub fn notice(brand: &Brand, what: &Notice<'_>, at: Timestamp, address: Option<IpAddr>) -> Letter {
    let (subject, text) = match what {
        Notice::PasswordChanged => ("Your password was changed", "Your password was changed.".to_owned()),
        Notice::PasswordReset => (
            "Your password was set anew",
            "Your password was set anew by a link that was mailed to you, and you are signed out everywhere else."
                .to_owned(),
        ),
        Notice::TotpEnabled => (
            "Your second factor is on",
            "Signing in takes a code of your authenticator app from now on.".to_owned(),
        ),
        Notice::TotpDisabled => (
            "Your second factor is off",
            "Signing in takes your password alone from now on.".to_owned(),
        ),
        Notice::EmailChanged { to } => (
            "Your address was changed",
            format!("Your account has another address from now on: {to}. Nothing more is sent to this one."),
        ),
        Notice::NewDevice { browser, system } => {
            let (browser, system) = (
                browser.unwrap_or("an unknown browser"),
                system.unwrap_or("an unknown system"),
            );
            let text = format!(
                "Somebody signed in to your account by {browser} on {system}, which was not used for it before."
            );
            ("A new device signed in", text)
        }
    };
    Letter::new(&format!("{subject} at {}", brand.name))
        .text(text)
        .text(NOT_YOU)
        .fact("When", moment(at))
        .fact("From", place(address))
        .fact("Where", brand.panel.clone())
}

/// To see whether mail arrives.
pub fn test(brand: &Brand, at: Timestamp) -> Letter {
    Letter::new(&format!("A test of {}", brand.name))
        .text("This mail was sent to see whether mail arrives. It has arrived.")
        .fact("When", moment(at))
}
