mod crash;
mod first_start;
mod refusals;
mod units;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mpanel_process::account::{self, Account};
use mpanel_process::procfs;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use super::{Limits, Options, Server, Tuning};

/// A data folder whose server ends with the test, however the test ends.
struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mpanel-pg").tempdir().unwrap();
        // The server's account passes through.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn options(&self) -> Options {
        let path = |name: &str| self.path().join(name);
        let mut options = Options::new(path("postgres"), path("run"), path("conf"), path("log"));
        options.account = server_account();
        options.tuning = Tuning {
            durable: false,
            ..Tuning::default()
        };
        options.dies_with_thread = true;
        options
    }

    /// Whether any process was started with this folder as its PGDATA.
    fn has_server(&self) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let data = self.path().join("postgres");
        let names =
            |pid| procfs::argv(pid).is_some_and(|argv| argv.iter().any(|word| word == data.as_os_str().as_bytes()));
        procfs::pids()
            .into_iter()
            .any(|pid| names(pid) && procfs::stat(pid).is_some_and(|stat| stat.is_alive()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

/// PostgreSQL refuses root, so tests run as root borrow an account.
fn server_account() -> Option<Account> {
    let borrowed = || {
        Account::by_name("postgres")
            .unwrap()
            .or_else(|| Account::by_name("nobody").unwrap())
    };
    account::is_root().then(|| borrowed().expect("an unprivileged account"))
}

async fn connect(server: &Server) -> PgConnection {
    PgConnection::connect_with(&server.panel_options()).await.unwrap()
}

async fn stop(server: Server) {
    server.stop(Limits::default()).await.unwrap();
}
