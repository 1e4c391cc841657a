//! The file of the demo's accounts: passwords are drawn here, stored before they are used, and known nowhere else.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mpanel_crypto::{Token, TokenKind};
use serde::{Deserialize, Serialize};

use super::world::{self, Person};

const HEAD: &str = "# The accounts of the demo, with passwords drawn at random for this installation.\n\
    # `mpanel up --demo` continues from this file; delete it once you have changed the owner's password.\n\n";

/// What a seed knows of earlier ones.
#[derive(Debug, Serialize, Deserialize)]
pub struct Accounts {
    #[serde(skip)]
    path: PathBuf,
    /// Everything is there; nothing is touched any more.
    #[serde(default)]
    pub finished: bool,
    /// The owner's password was on the terminal.
    #[serde(default)]
    pub shown: bool,
    /// The first is the owner's.
    pub account: Vec<Account>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Account {
    pub of: String,
    pub email: String,
    pub password: String,
    /// Whether it can sign in.
    #[serde(default)]
    pub active: bool,
}

impl Accounts {
    /// Where the file is below a data folder.
    pub fn path(data: &Path) -> PathBuf {
        data.join("run/demo-credentials")
    }

    /// Those of an earlier seed.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub fn load(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(data);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("reading {}", path.display()))?,
        };
        let mut accounts: Self = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        anyhow::ensure!(!accounts.account.is_empty(), "{} names no account", path.display());
        accounts.path = path;
        Ok(Some(accounts))
    }

    /// New ones for everybody, not saved yet.
    pub fn draw(data: &Path) -> Self {
        let account = |of: &str, person: &Person| Account {
            of: of.to_owned(),
            email: person.email.to_owned(),
            password: password(),
            active: false,
        };
        let others = world::tenants()
            .into_iter()
            .map(|tenant| account(tenant.name, &tenant.owner));
        Self {
            path: Self::path(data),
            finished: false,
            shown: false,
            account: std::iter::once(account("the platform", &world::OWNER))
                .chain(others)
                .collect(),
        }
    }

    pub fn owner(&self) -> &Account {
        &self.account[0]
    }

    pub fn of(&self, email: &str) -> Option<&Account> {
        self.account.iter().find(|account| account.email == email)
    }

    pub fn activated(&mut self, email: &str) {
        for account in &mut self.account {
            account.active |= account.email == email;
        }
    }

    /// Replaces the file in one step; only its owner reads it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> anyhow::Result<()> {
        let failed = || format!("writing {}", self.path.display());
        let text = format!("{HEAD}{}", toml::to_string(self).with_context(failed)?);
        let fresh = self.path.with_extension("new");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(failed),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .with_context(failed)?;
        file.write_all(text.as_bytes()).with_context(failed)?;
        file.sync_all().with_context(failed)?;
        fs::rename(&fresh, &self.path).with_context(failed)
    }
}

/// 100 random bits in groups that can be typed: letters of a token after its prefix, which are random ones of an alphabet of 32.
pub fn password() -> String {
    let token = Token::generate(TokenKind::Claim);
    let (_, letters) = token.reveal().split_once('_').expect("a token has a prefix");
    let letters: Vec<char> = letters.chars().take(20).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("-")
}
