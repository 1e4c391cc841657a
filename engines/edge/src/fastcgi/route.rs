//! A `php` target made ready to answer.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::backends::Php;
use crate::net::Address;
use crate::table::{self, SiteRoute};

/// Of one site's messages in a minute.
const MESSAGES: usize = 64 * 1024;
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct PhpRoute {
    /// Distinguishes what is known about one version of an entry.
    pub(super) id: u64,
    pub(crate) files: SiteRoute,
    pub(super) address: Address,
    /// The root as the program sees it.
    pub(super) root: Box<str>,
    pub(super) index: Vec<Box<str>>,
    pub(super) front_controller: Option<Box<str>>,
    suffixes: Vec<Box<str>>,
    pub(super) keep: usize,
    pub(super) places: Option<Arc<Semaphore>>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) max_body: Option<u64>,
    /// Since when, and how much has been logged.
    logged: Mutex<(Instant, usize)>,
}

impl PhpRoute {
    pub(crate) fn compile(php: &Php, sites: &Path) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let root = table::relative_root(&php.root)?;
        let address = Address::parse(&php.socket)?;
        if matches!(address, Address::Name(..)) {
            return Err(format!("socket {:?}: an address, not a name", php.socket));
        }
        let seen = match &php.script_root {
            Some(seen) if Path::new(seen).is_absolute() && !seen.contains('\0') => {
                seen.trim_end_matches('/').to_owned()
            }
            Some(seen) => return Err(format!("script_root {seen:?} is not an absolute path")),
            None => real_path(&sites.join(&*root))?,
        };
        let suffixes: Vec<Box<str>> = php
            .suffixes
            .iter()
            .map(|suffix| suffix.to_ascii_lowercase().into())
            .collect();
        let is_suffix = |suffix: &str| suffix.len() > 1 && suffix.starts_with('.') && !suffix.contains('/');
        if let Some(wrong) = suffixes.iter().find(|suffix| !is_suffix(suffix)) {
            return Err(format!("suffix {wrong:?} is none, as .php is one"));
        }
        let name = |name: &String| match name.contains('/') {
            false => table::relative_file("index", name),
            true => Err(format!("index {name:?} is not a file's name")),
        };
        let front_controller = php.front_controller.as_deref();
        let front_controller = front_controller
            .map(|file| table::relative_file("front_controller", file.trim_start_matches('/')))
            .transpose()?;
        let not_found = php.not_found.as_deref();
        let not_found = not_found
            .map(|file| table::relative_file("not_found", file))
            .transpose()?;
        let places = usize::try_from(php.max_connections).ok().filter(|count| *count > 0);
        let route = Self {
            id: NEXT.fetch_add(1, Relaxed),
            files: SiteRoute {
                root,
                spa_fallback: false,
                not_found,
                https_redirect: php.https_redirect,
            },
            address,
            root: seen.into(),
            index: php.index.iter().map(name).collect::<Result<_, _>>()?,
            front_controller,
            suffixes,
            keep: php.keep_connections.into(),
            places: places.map(|count| Arc::new(Semaphore::new(count))),
            connect_timeout: table::time("connect_timeout_ms", php.connect_timeout_ms)?,
            response_timeout: table::time("response_timeout_ms", php.response_timeout_ms)?,
            max_body: (php.max_body > 0).then_some(php.max_body),
            logged: Mutex::new((Instant::now(), 0)),
        };
        match route.front_controller.as_deref() {
            Some(file) if !route.is_script(file) => Err(format!("front_controller {file:?} has none of the suffixes")),
            _ => Ok(route),
        }
    }

    /// Whether a file of this name is a program.
    pub(super) fn is_script(&self, file: &str) -> bool {
        let ends = |suffix: &str| {
            file.len() > suffix.len()
                && file.is_char_boundary(file.len() - suffix.len())
                && file[file.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
        };
        self.suffixes.iter().any(|suffix| ends(suffix))
    }

    /// Logs what a program has said, as far as its site may.
    pub(super) fn log(&self, message: &[u8]) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.0.elapsed() > MINUTE {
            *logged = (Instant::now(), 0);
        }
        let room = MESSAGES.saturating_sub(logged.1);
        let message = &message[..message.len().min(room)];
        logged.1 += message.len();
        if !message.is_empty() {
            let message = String::from_utf8_lossy(message);
            tracing::warn!(root = &*self.files.root, ?message, "program says");
        }
    }
}

/// A root that does not exist yet is taken by its name.
fn real_path(root: &Path) -> Result<String, String> {
    let real = std::fs::canonicalize(root).or_else(|_| std::path::absolute(root));
    let real = real.map_err(|error| format!("{}: {error}", root.display()))?;
    real.into_os_string()
        .into_string()
        .map_err(|real| format!("{}: not UTF-8", real.display()))
}
