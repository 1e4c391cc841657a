//! The table of children: which program, as whom, with which arguments, environment and listeners.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mpanel_config::Config;
use mpanel_process::Spawn;
use mpanel_process::account::{self, Account};

use super::accounts::Accounts;
use super::sockets::{Held, Place};
use super::{PATH, logs, settings};

/// One child.
#[derive(Debug, Clone)]
pub struct Child {
    pub name: &'static str,
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(String, String)>,
    pub account: Option<Account>,
    /// Whether it is useless without the private PostgreSQL.
    pub needs_postgres: bool,
    pub stop_order: u8,
    pub stop_limit: Duration,
}

impl Child {
    /// Changes when the program file or anything it is started with does: a running child with another one must be replaced.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (
            &self.arguments,
            &self.environment,
            &self.program,
            &self.account.as_ref().map(|account| account.uid),
        )
            .hash(&mut hasher);
        if let Ok(file) = std::fs::metadata(&self.program) {
            (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The command, without its listeners.
    ///
    /// # Errors
    /// When its log cannot be opened.
    pub fn command(&self, data: &Path) -> std::io::Result<Spawn> {
        let mut command = Spawn::new(&self.program)
            .args(&self.arguments)
            .run_as(self.account.as_ref())
            .output(logs::open(data, self.name)?);
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        Ok(command)
    }

    /// Whether this argument vector of a running process is this child's.
    pub fn is_argv(&self, argv: &[Vec<u8>]) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let name = |path: &Path| path.file_name().map(|name| name.as_bytes().to_vec());
        let program = argv
            .first()
            .and_then(|first| name(Path::new(std::ffi::OsStr::from_bytes(first))));
        program.is_some()
            && program == name(&self.program)
            && argv
                .iter()
                .skip(1)
                .map(Vec::as_slice)
                .eq(self.arguments.iter().map(|argument| argument.as_bytes()))
    }
}

/// What the table is made from.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    pub config: &'a Config,
    pub data: &'a Path,
    pub accounts: Option<&'a Accounts>,
    /// Folder of the programs `mpanel` and `mpanel-agent`.
    pub programs: &'a Path,
    /// The panel's connection to the private PostgreSQL; `None` with one of the operator's own.
    pub private_url: Option<&'a str>,
}

/// All listeners, before any is open.
pub fn listeners(parts: Parts<'_>) -> Vec<Held> {
    let Parts {
        config, data, accounts, ..
    } = parts;
    let tcp = |setting, address| Place::Tcp {
        setting,
        address,
        shared: false,
    };
    let unix = |file: &str, owner: Option<(u32, u32)>, mode| Place::Unix {
        path: data.join("run").join(file),
        owner,
        mode,
    };
    let panel = accounts.map(|all| all.panel.uid);
    // Connecting needs write permission on the socket: `serve.sock` is the edge's way in (and the panel's own, for tools); the feed
    // has two kinds of clients, so one is the owner and the other the group; only the panel talks to the agent.
    let serve = accounts.map(|all| (all.panel.uid, all.edge.gid));
    let feed = accounts.map(|all| (all.dns.uid, all.edge.gid));
    let shared_mode = if accounts.is_some() { 0o660 } else { 0o600 };
    let mut held = vec![
        Held::new("edge", "edge-http", tcp("edge_http", config.edge_http)),
        Held::new("edge", "edge-https", tcp("edge_https", config.edge_https)),
        Held::new("edge", "panel", tcp("panel", config.panel)),
        Held::new("serve", "serve", unix("serve.sock", serve, shared_mode)),
        Held::new("serve", "feed", unix("feed.sock", feed, shared_mode)),
        Held::new("agent", "agent", unix("agent.sock", panel.map(|uid| (uid, 0)), 0o600)),
    ];
    for child in DNS {
        let (setting, address, shared) = ("dns", config.dns, true);
        held.push(Held::new(
            child,
            "dns-udp",
            Place::Udp {
                setting,
                address,
                shared,
            },
        ));
        held.push(Held::new(
            child,
            "dns-tcp",
            Place::Tcp {
                setting,
                address,
                shared,
            },
        ));
    }
    held
}

/// Two processes share the DNS port: one answers while the other is replaced.
const DNS: [&str; 2] = ["dns-1", "dns-2"];
/// The edge, and those.
pub const PLANES: u32 = 1 + DNS.len() as u32;

/// All children. `bound` are the addresses as opened.
pub fn table(parts: Parts<'_>, bound: &[(&'static str, String)]) -> Vec<Child> {
    let Parts {
        config,
        data,
        accounts,
        programs,
        private_url,
    } = parts;
    let environment = |secrets| {
        let mut variables = vec![
            ("PATH".to_owned(), PATH.to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ];
        variables.extend(settings::environment(config, data, bound, secrets));
        variables
    };
    let mut for_serve = environment(true);
    // A test can hold debug builds at places it names (`mpanel_jobs`).
    if cfg!(debug_assertions)
        && let Ok(folder) = std::env::var("MPANEL_HOLD_AT")
    {
        for_serve.push(("MPANEL_HOLD_AT".to_owned(), folder));
    }
    if let Some(url) = private_url {
        for_serve.push((settings::variable("database_url"), url.to_owned()));
    }
    let mpanel = |name: &'static str, command: &[&str]| {
        let mut arguments: Vec<OsString> = command.iter().map(OsString::from).collect();
        arguments.extend(["--data".into(), data.into(), "--process".into(), name.into()]);
        if accounts.is_none() {
            arguments.push("--rootless".into());
        }
        Child {
            name,
            program: programs.join("mpanel"),
            arguments,
            environment: environment(false),
            account: None,
            needs_postgres: false,
            stop_order: 0,
            stop_limit: Duration::from_secs(10),
        }
    };
    let account = |pick: fn(&Accounts) -> &Account| accounts.map(|all| pick(all).clone());
    let mut children = vec![
        Child {
            environment: for_serve,
            account: account(|all| &all.panel),
            needs_postgres: private_url.is_some(),
            stop_limit: Duration::from_secs(20),
            ..mpanel("serve", &["serve"])
        },
        Child {
            program: programs.join("mpanel-agent"),
            arguments: agent_arguments(data, accounts),
            environment: vec![
                ("PATH".to_owned(), PATH.to_owned()),
                ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ],
            stop_order: 1,
            ..mpanel("agent", &[])
        },
        Child {
            account: account(|all| &all.edge),
            stop_order: 2,
            ..mpanel("edge", &["edge"])
        },
    ];
    for name in DNS {
        children.push(Child {
            account: account(|all| &all.dns),
            stop_order: 3,
            ..mpanel(name, &["dns", "run"])
        });
    }
    children
}

fn agent_arguments(data: &Path, accounts: Option<&Accounts>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--data".into(), data.into(), "--allow-uid".into()];
    match accounts {
        Some(all) => {
            arguments.extend([
                all.panel.uid.to_string().into(),
                "--edge-gid".into(),
                all.edge.gid.to_string().into(),
            ]);
        }
        None => arguments.extend([account::effective_uid().to_string().into(), "--rootless".into()]),
    }
    arguments
}
