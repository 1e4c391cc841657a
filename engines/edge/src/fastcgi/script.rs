//! Which program answers a path, if one does.
//!
//! A program is a regular file below the site's root whose name ends in one of the suffixes, found by the same confined
//! opening as static files. What follows it in the path is its path-info, and only then: `/upload.jpg/x.php` names
//! neither a program nor a file, so that nothing uploaded is ever run because of how it is asked for.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use rustix::fs::FileType;

use super::PhpRoute;
use crate::files::SiteRoot;
use crate::path::SitePath;

/// Names that are neither shown nor run: programs under names that a handler of some server would run, and copies that
/// editors leave of them.
const SOURCES: [&str; 15] = [
    ".php",
    ".phtml",
    ".phar",
    ".phps",
    ".pht",
    ".php3",
    ".php4",
    ".php5",
    ".php7",
    ".php8",
    ".php~",
    ".php.bak",
    ".php.old",
    ".php.orig",
    ".php.swp",
];

/// A program and how it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// Relative to the root.
    pub(super) file: Box<str>,
    /// Empty, or what follows the program in the path, with its slash.
    pub(super) path_info: Box<str>,
}

/// What answers a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    Script(Script),
    /// A file as it is, which need not exist; with the path under which it is found.
    File(Box<str>),
    /// A directory without its slash.
    AddSlash,
    Nothing,
}

/// What was resolved lately. Only what exists is kept: what is written next is there at once.
pub(crate) struct Scripts {
    known: Cache<(u64, Box<str>), (Instant, Arc<Resolved>)>,
    fresh: Duration,
}

impl Scripts {
    pub(crate) fn new(fresh: Duration) -> Self {
        Self {
            known: Cache::new(4096),
            fresh,
        }
    }

    /// Resolves a path that is not hidden.
    pub(super) async fn resolve(
        &self,
        sites: &Path,
        route: &Arc<PhpRoute>,
        path: &SitePath<'_>,
        now: Instant,
    ) -> io::Result<Arc<Resolved>> {
        let key = (route.id, Box::from(&*path.relative));
        if let Some((at, resolved)) = self.known.get(&key)
            && now.saturating_duration_since(at) < self.fresh
        {
            return Ok(resolved);
        }
        let (sites, route, path) = (sites.to_owned(), Arc::clone(route), key.1.clone());
        let resolved = tokio::task::spawn_blocking(move || {
            SiteRoot::open(&sites, &route.files.root).and_then(|root| resolve(&root, &route, &path))
        });
        let resolved = Arc::new(resolved.await.map_err(io::Error::other)??);
        if *resolved == Resolved::Nothing {
            self.known.remove(&key);
        } else {
            self.known.insert(key, (now, Arc::clone(&resolved)));
        }
        Ok(resolved)
    }
}

fn resolve(root: &SiteRoot, route: &PhpRoute, path: &str) -> io::Result<Resolved> {
    // `/index.php/a/` is the program's, `/a/` a directory's.
    if let Some(found) = run(root, route, path)? {
        return Ok(found);
    }
    if path.is_empty() || path.ends_with('/') {
        return match index(root, route, path)? {
            Some(file) if route.is_script(&file) => Ok(script(&file, "")),
            Some(file) => Ok(Resolved::File(file.into())),
            None => front(root, route),
        };
    }
    match root.kind(path)? {
        Some(FileType::RegularFile) if !is_source(path) => Ok(Resolved::File(path.into())),
        Some(FileType::Directory) if index(root, route, &format!("{path}/"))?.is_some() => Ok(Resolved::AddSlash),
        _ => front(root, route),
    }
}

fn is_file(root: &SiteRoot, path: &str) -> io::Result<bool> {
    Ok(root.kind(path)? == Some(FileType::RegularFile))
}

fn front(root: &SiteRoot, route: &PhpRoute) -> io::Result<Resolved> {
    match route.front_controller.as_deref() {
        Some(file) if is_file(root, file)? => Ok(script(file, "")),
        _ => Ok(Resolved::Nothing),
    }
}

fn script(file: &str, path_info: &str) -> Resolved {
    Resolved::Script(Script {
        file: file.into(),
        path_info: path_info.into(),
    })
}

/// The first program on the path.
fn run(root: &SiteRoot, route: &PhpRoute, path: &str) -> io::Result<Option<Resolved>> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for end in ends {
        let (file, info) = path.split_at(end);
        if !route.is_script(file) {
            continue;
        }
        match root.kind(file)? {
            Some(FileType::RegularFile) => return Ok(Some(script(file, info))),
            // A directory may be called so.
            Some(FileType::Directory) => {}
            _ => break,
        }
    }
    Ok(None)
}

fn index(root: &SiteRoot, route: &PhpRoute, folder: &str) -> io::Result<Option<String>> {
    for name in &route.index {
        let file = format!("{folder}{name}");
        if is_file(root, &file)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Whether sending the file would show a program's text.
pub(super) fn is_source(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    SOURCES.iter().any(|suffix| lower.ends_with(suffix))
}
