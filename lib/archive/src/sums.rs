//! The listing of sums: made line by line as members pass, kept on disk while an archive is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use aws_lc_rs::digest::{Context as Digest, SHA256};

use crate::error::Context as _;
use crate::{Error, MemberPath};

/// Longest line: a sum, two spaces, the longest path, a line feed.
const LONGEST_LINE: u64 = 64 + 2 + 4096 + 1;

/// The lines so far, in a file without a name: an archive of a million files must not need memory for them.
pub(crate) struct Sums {
    lines: BufWriter<File>,
    digest: Digest,
    pub(crate) bytes: u64,
}

pub(crate) fn hex(digest: Digest) -> String {
    digest
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Sums {
    pub(crate) fn new() -> Result<Self, Error> {
        let file = tempfile::tempfile().context(|| "making a temporary file".into())?;
        Ok(Self {
            lines: BufWriter::new(file),
            digest: Digest::new(&SHA256),
            bytes: 0,
        })
    }

    pub(crate) fn add(&mut self, path: &MemberPath, sum: &str) -> Result<(), Error> {
        let line = format!("{sum}  {path}\n");
        self.digest.update(line.as_bytes());
        self.bytes += line.len() as u64;
        self.lines
            .write_all(line.as_bytes())
            .context(|| "writing a temporary file".into())
    }

    /// The listing, to be read, and its own sum.
    pub(crate) fn finish(self) -> Result<(BufReader<File>, String), Error> {
        let rewind = |lines: BufWriter<File>| -> io::Result<File> {
            let mut file = lines.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            Ok(file)
        };
        let file = rewind(self.lines).context(|| "writing a temporary file".into())?;
        Ok((BufReader::new(file), hex(self.digest)))
    }
}

/// Compares the sums computed with those that the archive lists.
///
/// # Errors
/// [`Error::Sum`] names the first member that is another.
pub(crate) fn compare(computed: BufReader<File>, listed: impl BufRead) -> Result<(), Error> {
    let (mut computed, mut listed) = (computed, listed);
    loop {
        let ours = line(&mut computed).context(|| "reading a temporary file".into())?;
        let theirs = line(&mut listed).map_err(|error| Error::Damaged {
            member: crate::manifest::SUMS.to_owned(),
            detail: error.to_string(),
        })?;
        if ours == theirs {
            match ours.is_empty() {
                true => return Ok(()),
                false => continue,
            }
        }
        let name = |line: &[u8]| {
            line.get(66..)
                .map(|name| String::from_utf8_lossy(name).trim_end().to_owned())
        };
        return Err(match (name(&ours), name(&theirs)) {
            (Some(member), Some(other)) if member == other => Error::Sum { member },
            (Some(member), _) => Error::Damaged {
                member,
                detail: "it is not listed where it stands".to_owned(),
            },
            (None, other) => Error::Damaged {
                member: other.unwrap_or_default(),
                detail: "it is listed and missing".to_owned(),
            },
        });
    }
}

fn line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    io::Read::take(from, LONGEST_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}
