//! Static files of sites: look-up, caches, and the answer.

pub(crate) mod conditional;
mod encoding;
mod entry;
mod open;
mod respond;
mod stream;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use tokio::sync::Semaphore;

use crate::options::FileOptions;
use encoding::Coding;
use entry::{Document, Entry, Found, Sizes, Variant};
pub(crate) use open::SiteRoot;
pub(crate) use respond::{Context, add_slash};
pub(crate) use stream::FileBody;

/// Compressions running at once; each keeps a core busy.
const COMPRESSORS: usize = 2;

/// The files of all sites. Keys start with the site's root, so an activated release is a different set of keys.
pub(crate) struct FileStore {
    sites: Arc<Path>,
    entries: Cache<Key, Arc<Entry>, EntryWeight>,
    compressed: Cache<(Key, Coding), Compressed, CompressedWeight>,
    compressors: Semaphore,
    sizes: Sizes,
    revalidate: Duration,
    epoch: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    root: Arc<str>,
    path: Box<str>,
}

#[derive(Hash)]
struct KeyRef<'a> {
    root: &'a str,
    path: &'a str,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.path == *key.path && *self.root == *key.root
    }
}

/// A compressed body with the plain body's tag, by which a changed file is noticed.
#[derive(Clone)]
struct Compressed {
    source: HeaderValue,
    etag: HeaderValue,
    /// `None` when compressing gained nothing.
    body: Option<Bytes>,
}

#[derive(Clone)]
struct EntryWeight;

impl Weighter<Key, Arc<Entry>> for EntryWeight {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        entry.weight() + key.path.len() as u64
    }
}

#[derive(Clone)]
struct CompressedWeight;

impl Weighter<(Key, Coding), Compressed> for CompressedWeight {
    fn weight(&self, key: &(Key, Coding), value: &Compressed) -> u64 {
        256 + (key.0.path.len() + value.body.as_ref().map_or(0, Bytes::len)) as u64
    }
}

impl FileStore {
    pub(crate) fn new(sites: &Path, options: &FileOptions) -> Self {
        let items = |bytes: u64| usize::try_from(bytes / 8192).unwrap_or(usize::MAX).max(64);
        Self {
            sites: PathBuf::from(sites).into(),
            entries: Cache::with_weighter(items(options.cache_bytes), options.cache_bytes, EntryWeight),
            compressed: Cache::with_weighter(
                items(options.compressed_cache_bytes),
                options.compressed_cache_bytes,
                CompressedWeight,
            ),
            compressors: Semaphore::new(COMPRESSORS),
            sizes: Sizes {
                small: options.small_file_bytes,
                compress_max: options.compress_max_bytes,
            },
            revalidate: options.revalidate,
            epoch: Instant::now(),
        }
    }

    /// What is known without touching the disk, if that is recent enough.
    fn cached(&self, root: &str, path: &str, now: Instant) -> Option<Arc<Entry>> {
        self.entries
            .get(&KeyRef { root, path })
            .filter(|entry| entry.is_fresh(now, self.revalidate))
    }

    async fn entry(&self, root: &Arc<str>, path: &str, now: Instant) -> io::Result<Arc<Entry>> {
        let old = self.entries.get(&KeyRef { root, path });
        if let Some(old) = &old {
            if old.is_fresh(now, self.revalidate) {
                return Ok(Arc::clone(old));
            }
            // Others go on with what is known while this request asks the disk.
            old.touch(now);
        }
        let (sites, sizes, epoch) = (Arc::clone(&self.sites), self.sizes, self.epoch);
        let key = Key {
            root: Arc::clone(root),
            path: path.into(),
        };
        let found = {
            let key = key.clone();
            tokio::task::spawn_blocking(move || {
                let old = old.as_deref().and_then(|entry| match &entry.found {
                    Found::File(document) => Some(&**document),
                    _ => None,
                });
                // A file that changes under the reader settles within a try or two.
                let mut tries = 0;
                loop {
                    match entry::look_up(&sites, &key.root, &key.path, sizes, old) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted && tries < 3 => tries += 1,
                        result => return result,
                    }
                }
            })
            .await
            .map_err(io::Error::other)?
        };
        match found {
            Ok(found) => {
                let entry = Arc::new(Entry::new(found, epoch));
                self.entries.insert(key, Arc::clone(&entry));
                Ok(entry)
            }
            Err(error) => {
                self.entries.remove(&key);
                Err(error)
            }
        }
    }

    /// The document compressed on the fly; `None` when that gains nothing.
    async fn compressed(
        &self,
        root: &Arc<str>,
        path: &str,
        document: &Document,
        coding: Coding,
    ) -> io::Result<Option<(HeaderValue, Bytes)>> {
        let key = (
            Key {
                root: Arc::clone(root),
                path: path.into(),
            },
            coding,
        );
        let stale = |value: &Compressed| value.source != document.plain.etag;
        if self.compressed.peek(&key).is_some_and(|value| stale(&value)) {
            self.compressed.remove_if(&key, stale);
        }
        // One request compresses, the others wait for it.
        let value = self
            .compressed
            .get_or_insert_async(&key, self.compress(root, &document.plain, coding))
            .await?;
        Ok(value.body.map(|body| (value.etag, body)))
    }

    async fn compress(&self, root: &Arc<str>, plain: &Variant, coding: Coding) -> io::Result<Compressed> {
        let _permit = self.compressors.acquire().await.map_err(io::Error::other)?;
        let body = match &plain.body {
            Some(body) => body.clone(),
            None => self.read_whole(root, plain).await?,
        };
        let source = plain.etag.clone();
        let length = body.len();
        let smaller = tokio::task::spawn_blocking(move || coding.compress(&body))
            .await
            .map_err(io::Error::other)??;
        let etag = source.to_str().unwrap_or_default().trim_matches('"');
        let etag = HeaderValue::from_str(&format!("\"{etag}-{}\"", coding.suffix())).map_err(io::Error::other)?;
        Ok(Compressed {
            source,
            etag,
            body: (smaller.len() < length).then_some(smaller),
        })
    }

    async fn read_whole(&self, root: &Arc<str>, variant: &Variant) -> io::Result<Bytes> {
        let (sites, root, variant) = (Arc::clone(&self.sites), Arc::clone(root), variant.clone());
        tokio::task::spawn_blocking(move || entry::read_whole(&sites, &root, &variant).map(Bytes::from))
            .await
            .map_err(io::Error::other)?
    }

    async fn open(&self, root: &Arc<str>, variant: &Variant) -> io::Result<std::fs::File> {
        let (sites, root, variant) = (Arc::clone(&self.sites), Arc::clone(root), variant.clone());
        tokio::task::spawn_blocking(move || entry::reopen(&sites, &root, &variant))
            .await
            .map_err(io::Error::other)?
    }
}
