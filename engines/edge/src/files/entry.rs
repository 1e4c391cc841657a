//! What is known about one path of one site, read from the disk in one go.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::digest;
use bytes::Bytes;
use http::HeaderValue;
use rustix::fs::{FileType, Stat, fstat};

use super::conditional::whole_seconds;
use super::encoding::{Coding, media_type};
use super::open::{SiteRoot, is_absent};

/// A cached answer to "what is at this path".
pub(crate) struct Entry {
    pub(crate) found: Found,
    /// Milliseconds after `epoch` when the disk was last asked.
    checked: AtomicU64,
    epoch: Instant,
}

pub(crate) enum Found {
    File(Box<Document>),
    /// A directory with an index, asked for without the trailing slash.
    NeedsSlash,
    Missing,
}

/// A file with its precompressed siblings.
pub(crate) struct Document {
    pub(crate) content_type: HeaderValue,
    pub(crate) last_modified: SystemTime,
    pub(crate) last_modified_field: HeaderValue,
    /// Whether the edge may compress it on the fly.
    pub(crate) compressible: bool,
    pub(crate) plain: Variant,
    pub(crate) brotli: Option<Variant>,
    pub(crate) gzip: Option<Variant>,
}

impl Document {
    pub(crate) fn sibling(&self, coding: Coding) -> Option<&Variant> {
        match coding {
            Coding::Brotli => self.brotli.as_ref(),
            Coding::Gzip => self.gzip.as_ref(),
        }
    }

    /// Whether the answer depends on `Accept-Encoding`.
    pub(crate) fn varies(&self) -> bool {
        self.compressible || self.brotli.is_some() || self.gzip.is_some()
    }
}

/// One stored representation.
#[derive(Clone)]
pub(crate) struct Variant {
    /// Relative to the site's root.
    pub(crate) file: Box<str>,
    pub(crate) etag: HeaderValue,
    pub(crate) length: u64,
    /// The bytes of a small file; a large one is opened again when it is sent.
    pub(crate) body: Option<Bytes>,
    stamp: Stamp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl Stamp {
    #[expect(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        reason = "sizes are not negative; field types differ by target"
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        }
    }

    /// When the content came to be here: archives carry old or constant modification times, the change time does not.
    fn last_modified(&self) -> SystemTime {
        let (seconds, _) = self.modified.max(self.changed);
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }
}

/// Sizes that decide what is read into memory.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) small: u64,
    pub(crate) compress_max: u64,
}

/// Worth compressing only above this: smaller answers fit one packet anyway.
const COMPRESS_MIN: u64 = 512;

impl Entry {
    pub(crate) fn new(found: Found, epoch: Instant) -> Self {
        let entry = Self {
            found,
            checked: AtomicU64::new(0),
            epoch,
        };
        entry.touch(Instant::now());
        entry
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn touch(&self, now: Instant) {
        self.checked.store(self.millis(now), Relaxed);
    }

    pub(crate) fn is_fresh(&self, now: Instant, revalidate: Duration) -> bool {
        let age = self.millis(now).saturating_sub(self.checked.load(Relaxed));
        u128::from(age) < revalidate.as_millis()
    }

    /// Bytes it occupies, roughly.
    pub(crate) fn weight(&self) -> u64 {
        let Found::File(document) = &self.found else { return 128 };
        let variants = [Some(&document.plain), document.brotli.as_ref(), document.gzip.as_ref()];
        let bodies = variants
            .into_iter()
            .flatten()
            .filter_map(|variant| variant.body.as_ref());
        512 + bodies.map(|body| body.len() as u64).sum::<u64>()
    }
}

/// Looks a path up. `old` is what was known before; unchanged files are not read again.
///
/// # Errors
/// When the site's root or the disk cannot be read; a missing file is [`Found::Missing`].
pub(crate) fn look_up(sites: &Path, root: &str, path: &str, sizes: Sizes, old: Option<&Document>) -> io::Result<Found> {
    let site = SiteRoot::open(sites, root)?;
    if path.is_empty() || path.ends_with('/') {
        return match open_regular(&site, &format!("{path}index.html"))? {
            Some(file) => document(&site, &format!("{path}index.html"), file, sizes, old),
            None => Ok(Found::Missing),
        };
    }
    let file = match site.open_file(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(Found::Missing),
        Err(error) => return Err(error),
    };
    let stat = fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => document(&site, path, (file, stat), sizes, old),
        FileType::Directory => {
            let index = open_regular(&site, &format!("{path}/index.html"))?;
            Ok(if index.is_some() {
                Found::NeedsSlash
            } else {
                Found::Missing
            })
        }
        _ => Ok(Found::Missing),
    }
}

fn open_regular(site: &SiteRoot, path: &str) -> io::Result<Option<(File, Stat)>> {
    match site.open_file(path) {
        Ok(file) => {
            let stat = fstat(&file)?;
            Ok((FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some((file, stat)))
        }
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn document(
    site: &SiteRoot,
    path: &str,
    file: (File, Stat),
    sizes: Sizes,
    old: Option<&Document>,
) -> io::Result<Found> {
    let (content_type, text) = media_type(path);
    let plain = variant(path, file, sizes, "", old.map(|old| &old.plain))?;
    let mut siblings = [None, None];
    for (slot, coding) in siblings.iter_mut().zip([Coding::Brotli, Coding::Gzip]) {
        let name = format!("{path}.{}", coding.suffix());
        if let Some(file) = open_regular(site, &name)? {
            let old = old.and_then(|old| old.sibling(coding));
            *slot = Some(variant(&name, file, sizes, coding.suffix(), old)?);
        }
    }
    let [brotli, gzip] = siblings;
    let last_modified = whole_seconds(plain.stamp.last_modified());
    let last_modified_field =
        HeaderValue::from_str(&httpdate::fmt_http_date(last_modified)).map_err(io::Error::other)?;
    let compressible = text && (COMPRESS_MIN..=sizes.compress_max).contains(&plain.length);
    Ok(Found::File(Box::new(Document {
        content_type,
        last_modified,
        last_modified_field,
        compressible,
        plain,
        brotli,
        gzip,
    })))
}

fn variant(
    path: &str,
    (file, stat): (File, Stat),
    sizes: Sizes,
    coding: &str,
    old: Option<&Variant>,
) -> io::Result<Variant> {
    let stamp = Stamp::of(&stat);
    if let Some(old) = old.filter(|old| old.stamp == stamp && *old.file == *path) {
        return Ok(Variant {
            file: old.file.clone(),
            etag: old.etag.clone(),
            length: old.length,
            body: old.body.clone(),
            stamp,
        });
    }
    if stamp.size > sizes.small {
        let identity = [stamp.device, stamp.inode, stamp.size, stamp.modified.1, stamp.changed.1];
        let seconds = [stamp.modified.0, stamp.changed.0];
        let mut bytes = Vec::with_capacity(64);
        identity
            .iter()
            .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        seconds
            .iter()
            .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        let etag = etag(&bytes, coding)?;
        return Ok(Variant {
            file: path.into(),
            etag,
            length: stamp.size,
            body: None,
            stamp,
        });
    }
    let mut body = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0) + 1);
    // One byte more than allowed shows a file that grew while it was read.
    file.take(sizes.small + 1).read_to_end(&mut body)?;
    if body.len() as u64 != stamp.size {
        return Err(io::Error::new(
            io::ErrorKind::Interrupted,
            "file changed while it was read",
        ));
    }
    body.shrink_to_fit();
    // The hash of the content survives new releases, so browsers keep what did not change.
    let etag = etag(&body, coding)?;
    Ok(Variant {
        file: path.into(),
        etag,
        length: stamp.size,
        body: Some(Bytes::from(body)),
        stamp,
    })
}

fn etag(bytes: &[u8], coding: &str) -> io::Result<HeaderValue> {
    let hash = digest::digest(&digest::SHA256, bytes);
    let hex: String = hash
        .as_ref()
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let dash = if coding.is_empty() { "" } else { "-" };
    HeaderValue::from_str(&format!("\"{hex}{dash}{coding}\"")).map_err(io::Error::other)
}

/// Opens a large variant for sending.
///
/// # Errors
/// When it is no longer the file it was.
pub(crate) fn reopen(sites: &Path, root: &str, variant: &Variant) -> io::Result<File> {
    let file = SiteRoot::open(sites, root)?.open_file(&variant.file)?;
    if Stamp::of(&fstat(&file)?) != variant.stamp {
        return Err(io::Error::new(
            io::ErrorKind::Interrupted,
            "file changed since it was looked up",
        ));
    }
    Ok(file)
}

/// Reads a large variant whole, to compress it.
pub(crate) fn read_whole(sites: &Path, root: &str, variant: &Variant) -> io::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(usize::try_from(variant.length).unwrap_or(0));
    reopen(sites, root, variant)?
        .take(variant.length)
        .read_to_end(&mut body)?;
    Ok(body)
}
