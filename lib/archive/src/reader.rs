use std::io::{self, BufRead, BufReader, Read};

use aws_lc_rs::digest::{Context as Digest, SHA256};

use crate::header::{self, BLOCK, Found, LONGEST_PAX};
use crate::manifest::{END, End, HEAD, SUMS};
use crate::sums::{self, Sums, hex};
use crate::{Error, Head, Kind, Member, MemberPath, Opening, seal};

/// Of the members that are read into memory.
const LONGEST_HEAD: u64 = 4 << 20;

/// What is done with the members of an archive, in their order. What is not read of a file is passed over.
pub trait Visitor {
    /// The head; it has been checked.
    ///
    /// # Errors
    /// Ends the reading.
    fn head(&mut self, head: &Head) -> Result<(), Error>;

    /// # Errors
    /// Ends the reading.
    fn folder(&mut self, member: &Member) -> Result<(), Error>;

    /// # Errors
    /// Ends the reading.
    fn file(&mut self, member: &Member, content: &mut dyn Read) -> Result<(), Error>;
}

/// What a whole archive held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub head: Head,
    /// Without those that the format itself adds.
    pub files: u64,
    pub folders: u64,
    pub bytes: u64,
    /// SHA-256 of `SHA256SUMS`: two archives with the same hold the same files.
    pub sum: String,
}

/// The head alone.
///
/// # Errors
/// When this is no archive, one that does not open, or a newer one.
pub fn head(input: impl BufRead, opening: &Opening) -> Result<Head, Error> {
    let mut reader = Reader::open(input, opening)?;
    reader.head()
}

/// Reads an archive to its end and checks everything; members go to `visitor` as they come, so what it did is to be believed only
/// once this returns.
///
/// # Errors
/// The first thing wrong, with the member it is about.
pub fn read(input: impl BufRead, opening: &Opening, visitor: &mut dyn Visitor) -> Result<Summary, Error> {
    let mut reader = Reader::open(input, opening)?;
    let head = reader.head()?;
    visitor.head(&head)?;
    let (mut files, mut folders, mut bytes) = (1, 0, reader.head_size);
    loop {
        let Some(member) = reader.next()? else {
            return Err(Error::Incomplete { member: reader.last });
        };
        match member.kind {
            Kind::Folder => {
                folders += 1;
                visitor.folder(&member)?;
            }
            Kind::File(size) if member.path.as_str() == SUMS => {
                let sum = reader.sums(size)?;
                let end = reader.end()?;
                let found = End {
                    sums: sum.clone(),
                    files,
                    folders,
                    bytes,
                };
                if end != found {
                    return Err(Error::Damaged {
                        member: END.to_owned(),
                        detail: "it does not sum up what went before".to_owned(),
                    });
                }
                reader.nothing_more()?;
                return Ok(Summary {
                    head,
                    files,
                    folders,
                    bytes,
                    sum,
                });
            }
            Kind::File(size) => {
                files += 1;
                bytes += size;
                reader.content(&member.path, size, |content| visitor.file(&member, content))?;
            }
        }
    }
}

struct Reader<'a> {
    input: Box<dyn Read + 'a>,
    sums: Sums,
    /// The member before, for messages.
    last: String,
    head_size: u64,
}

impl<'a> Reader<'a> {
    fn open(input: impl BufRead + 'a, opening: &Opening) -> Result<Self, Error> {
        let opened = seal::open(input, opening)?;
        let decoder = zstd::Decoder::new(opened).map_err(|_| Error::Foreign("it is not compressed by zstd"))?;
        Ok(Self {
            input: Box::new(BufReader::with_capacity(256 << 10, decoder)),
            sums: Sums::new()?,
            last: "its beginning".to_owned(),
            head_size: 0,
        })
    }

    fn head(&mut self) -> Result<Head, Error> {
        let first = self.next().map_err(|error| match error {
            Error::Damaged { .. } | Error::Incomplete { .. } => Error::Foreign("it does not begin like one"),
            other => other,
        })?;
        let Some(Member {
            path,
            kind: Kind::File(size),
            ..
        }) = first.filter(|member| member.path.as_str() == HEAD)
        else {
            return Err(Error::Foreign("its first member is no head"));
        };
        if size > LONGEST_HEAD {
            return Err(Error::refused(HEAD, "it is too long"));
        }
        self.head_size = size;
        let mut json = Vec::new();
        self.content(&path, size, |content| {
            content
                .read_to_end(&mut json)
                .map(drop)
                .map_err(|error| damaged(HEAD, &error))
        })?;
        Head::parse(&json)
    }

    /// The next header; `None` at the end.
    fn next(&mut self) -> Result<Option<Member>, Error> {
        let mut long = None;
        loop {
            let found = header::parse(&self.block()?, &self.last)?;
            match found {
                Found::Nothing => return Ok(None),
                Found::Pax(size) if size <= LONGEST_PAX && long.is_none() => {
                    let mut records = vec![0; size as usize];
                    self.exact(&mut records)?;
                    self.skip_padding(size)?;
                    long = Some(header::parse_pax(&records, &self.last)?);
                }
                Found::Pax(_) => {
                    return Err(Error::refused(
                        format!("what follows {}", self.last),
                        "its pax header is too long, or one of two",
                    ));
                }
                Found::Member { name, kind, owner } => {
                    let path = match long {
                        Some(path) => path,
                        None => MemberPath::parse(&name)?,
                    };
                    path.as_str().clone_into(&mut self.last);
                    return Ok(Some(Member { path, kind, owner }));
                }
            }
        }
    }

    /// Hands a file's content on, passes over the rest of it, and notes its sum.
    fn content(
        &mut self,
        path: &MemberPath,
        size: u64,
        take: impl FnOnce(&mut dyn Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut content = Content {
            input: &mut *self.input,
            left: size,
            digest: Digest::new(&SHA256),
        };
        take(&mut content)?;
        io::copy(&mut content, &mut io::sink()).map_err(|error| damaged(path.as_str(), &error))?;
        let sum = hex(content.digest);
        self.skip_padding(size)?;
        self.sums.add(path, &sum)
    }

    /// Compares with the archive's own listing, and gives the listing's sum.
    fn sums(&mut self, size: u64) -> Result<String, Error> {
        let computed = std::mem::replace(&mut self.sums, Sums::new()?);
        let expected = computed.bytes;
        let (lines, sum) = computed.finish()?;
        let content = Content {
            input: &mut *self.input,
            left: size,
            digest: Digest::new(&SHA256),
        };
        // More lines than there were members are not read to their end: there may be any number.
        sums::compare(lines, BufReader::new(content))?;
        if size != expected {
            return Err(Error::Damaged {
                member: SUMS.to_owned(),
                detail: "it has another length than it should".to_owned(),
            });
        }
        self.skip_padding(size)?;
        Ok(sum)
    }

    fn end(&mut self) -> Result<End, Error> {
        let member = self.next()?;
        let Some(Member {
            path,
            kind: Kind::File(size),
            ..
        }) = member.filter(|member| member.path.as_str() == END)
        else {
            return Err(Error::Incomplete {
                member: self.last.clone(),
            });
        };
        if size > LONGEST_HEAD {
            return Err(Error::refused(END, "it is too long"));
        }
        let mut json = Vec::new();
        self.content(&path, size, |content| {
            content
                .read_to_end(&mut json)
                .map(drop)
                .map_err(|error| damaged(END, &error))
        })?;
        serde_json::from_slice(&json).map_err(|error| Error::Damaged {
            member: END.to_owned(),
            detail: error.to_string(),
        })
    }

    /// The two blocks of zeros, and nothing behind them. Also what notices a damaged checksum of the compression.
    fn nothing_more(&mut self) -> Result<(), Error> {
        let mut rest = Vec::new();
        let limit = 2 * BLOCK as u64 + 1;
        (&mut self.input)
            .take(limit)
            .read_to_end(&mut rest)
            .map_err(|error| damaged("its end", &error))?;
        if rest.len() != 2 * BLOCK || rest.iter().any(|byte| *byte != 0) {
            return Err(Error::Damaged {
                member: "its end".to_owned(),
                detail: "there is something behind it, or less than should be".to_owned(),
            });
        }
        Ok(())
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Error> {
        let mut block = [0; BLOCK];
        self.exact(&mut block)?;
        Ok(block)
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Incomplete {
                member: self.last.clone(),
            },
            _ => damaged(&format!("what follows {}", self.last), &error),
        })
    }

    fn skip_padding(&mut self, size: u64) -> Result<(), Error> {
        let over = (size % BLOCK as u64) as usize;
        match over {
            0 => Ok(()),
            _ => {
                let mut padding = [0; BLOCK];
                self.exact(&mut padding[over..])
            }
        }
    }
}

/// A file's bytes, counted and summed. Its early end is an error, not an end.
struct Content<'a> {
    input: &'a mut dyn Read,
    left: u64,
    digest: Digest,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let n = self.input.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the archive ends within it",
            ));
        }
        self.digest.update(&buffer[..n]);
        self.left -= n as u64;
        Ok(n)
    }
}

fn damaged(member: &str, error: &io::Error) -> Error {
    Error::Damaged {
        member: member.to_owned(),
        detail: error.to_string(),
    }
}
