//! Accounts of this machine, read from `/etc/passwd` and `/etc/group` (system accounts live there, whatever else NSS offers).

use std::{fs, io};

/// An operating-system user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The account of this name.
    ///
    /// # Errors
    /// When `/etc/passwd` cannot be read.
    pub fn by_name(name: &str) -> io::Result<Option<Self>> {
        Ok(find(&fs::read_to_string("/etc/passwd")?, |account| {
            account.name == name
        }))
    }

    /// The account with this uid.
    ///
    /// # Errors
    /// When `/etc/passwd` cannot be read.
    pub fn by_uid(uid: u32) -> io::Result<Option<Self>> {
        Ok(find(&fs::read_to_string("/etc/passwd")?, |account| account.uid == uid))
    }

    /// The account this program runs as, if it has one.
    ///
    /// # Errors
    /// When `/etc/passwd` cannot be read.
    pub fn current() -> io::Result<Option<Self>> {
        Self::by_uid(effective_uid())
    }
}

/// The effective uid of this program.
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// True when this program may act as any account.
pub fn is_root() -> bool {
    effective_uid() == 0
}

/// The gid of the group of this name.
///
/// # Errors
/// When `/etc/group` cannot be read.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    let groups = fs::read_to_string("/etc/group")?;
    Ok(groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    }))
}

pub(crate) fn find(passwd: &str, wanted: impl Fn(&Account) -> bool) -> Option<Account> {
    passwd.lines().filter_map(parse).find(wanted)
}

fn parse(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account { name, uid, gid })
}
