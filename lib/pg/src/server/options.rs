use std::path::{Path, PathBuf};

use mpanel_process::account::Account;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::Error;

/// The superuser made by `initdb`: sets up roles and databases, never serves requests.
pub const ADMIN: &str = "mpanel_admin";
/// The role that the panel logs in with, and the database it owns.
pub const PANEL: &str = "mpanel";
/// The port of the private server: only the name of its socket file, it never listens on a network.
pub const PORT: u16 = 5432;
/// Longest folder whose socket still fits `sockaddr_un` (107 bytes with the file name).
const SOCKET_DIR_MAX: usize = 107 - "/.s.PGSQL.5432".len();

/// An operating-system account that may log in over the socket as a database role, and as no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub os_user: String,
    pub role: String,
}

/// What differs between a small machine, a large one and a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    pub shared_buffers_mib: u32,
    pub max_connections: u16,
    /// False gives up crash safety for speed: only for throw-away clusters.
    pub durable: bool,
}

impl Default for Tuning {
    /// The footprint of an idle single machine.
    fn default() -> Self {
        Self {
            shared_buffers_mib: 32,
            max_connections: 60,
            durable: true,
        }
    }
}

/// Where the private server lives and who may use it.
#[derive(Debug, Clone)]
pub struct Options {
    /// PGDATA. Its parent must exist; nobody but the supervisor may write there.
    pub data_dir: PathBuf,
    /// Folder of the Unix socket; made when missing.
    pub socket_dir: PathBuf,
    /// Folder of the generated configuration, rewritten at each start; made when missing.
    pub conf_dir: PathBuf,
    /// File that receives the server's messages.
    pub log: PathBuf,
    /// The account the server runs as. Needed when this program is root, else none.
    pub account: Option<Account>,
    /// Group whose members may reach the socket; without it only the server's account and root can.
    pub socket_group: Option<u32>,
    /// Who may log in. This program's own account always may, as [`ADMIN`] and as [`PANEL`].
    pub access: Vec<Access>,
    pub tuning: Tuning,
    /// Folder with `postgres` and `initdb`; found by itself when `None`.
    pub bin_dir: Option<PathBuf>,
    /// Ends the server (quickly and without a checkpoint) together with the thread that started it. For tests.
    pub dies_with_thread: bool,
}

impl Options {
    pub fn new(data_dir: PathBuf, socket_dir: PathBuf, conf_dir: PathBuf, log: PathBuf) -> Self {
        Self {
            data_dir,
            socket_dir,
            conf_dir,
            log,
            account: None,
            socket_group: None,
            access: Vec::new(),
            tuning: Tuning::default(),
            bin_dir: None,
            dies_with_thread: false,
        }
    }

    /// How [`ADMIN`] connects; the calling account must be allowed to.
    pub fn admin_options(&self) -> PgConnectOptions {
        self.connect_options(ADMIN, "postgres")
    }

    /// How the panel connects to its own database.
    pub fn panel_options(&self) -> PgConnectOptions {
        self.connect_options(PANEL, PANEL)
    }

    /// The panel's connection as a URL: `postgres://mpanel@/mpanel?host=%2F…`.
    pub fn panel_url(&self) -> String {
        let socket_dir = self.socket_dir.to_string_lossy();
        let mut host = String::new();
        for byte in socket_dir.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => host.push(char::from(byte)),
                _ => host.push_str(&format!("%{byte:02X}")),
            }
        }
        // sqlx rejects an empty host before `?host=` takes over.
        format!("postgres://{PANEL}@localhost/{PANEL}?host={host}")
    }

    fn connect_options(&self, role: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(PORT)
            .username(role)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    /// The account the server runs as.
    pub(super) fn server_account(&self) -> Result<Account, Error> {
        use mpanel_process::account;
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        if account::is_root() {
            return Err(Error::Root);
        }
        let uid = account::effective_uid();
        match Account::current() {
            Ok(Some(account)) => Ok(account),
            Ok(None) => Err(Error::NoAccount { uid }),
            Err(source) => Err(Error::Io {
                what: "reading /etc/passwd".into(),
                source,
            }),
        }
    }

    /// Checks what PostgreSQL would refuse later with a worse message.
    pub(super) fn check(&self) -> Result<(), Error> {
        let printable = |path: &Path| {
            path.to_str()
                .is_some_and(|text| path.is_absolute() && !text.contains(['\n', '\r', ',']))
        };
        for path in [&self.data_dir, &self.socket_dir, &self.conf_dir] {
            if !printable(path) {
                return Err(Error::BadPath {
                    path: path.clone(),
                    max: SOCKET_DIR_MAX,
                });
            }
        }
        if self.socket_dir.as_os_str().len() > SOCKET_DIR_MAX {
            return Err(Error::BadPath {
                path: self.socket_dir.clone(),
                max: SOCKET_DIR_MAX,
            });
        }
        Ok(())
    }
}
