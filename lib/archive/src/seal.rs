//! Sealing by age: to a passphrase, or to public keys whose private halves need not be on the machine.

use std::io::{self, BufRead, Read, Write};

use age::secrecy::SecretString;
use zeroize::Zeroizing;

use crate::Error;

/// How every age file of this version begins.
const MAGIC: &[u8] = b"age-encryption.org/";

/// Who can open the archive.
pub enum Protection {
    /// Whoever has the file.
    None,
    Passphrase(Zeroizing<String>),
    /// The holders of these keys (`age1…`).
    Recipients(Vec<String>),
}

/// What there is to open a sealed archive with.
#[derive(Default)]
pub struct Opening {
    pub passphrase: Option<Zeroizing<String>>,
    /// The text of an identity file: lines of `AGE-SECRET-KEY-1…`.
    pub identities: Option<Zeroizing<String>>,
}

/// Whether a file that begins like this is sealed.
#[must_use]
pub fn is_sealed(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}

/// What is written to: sealed or not.
pub(crate) enum Output<W: Write> {
    Plain(W),
    Sealed(age::stream::StreamWriter<W>),
}

impl<W: Write> Output<W> {
    pub(crate) fn new(inner: W, protection: &Protection) -> Result<Self, Error> {
        let encryptor = match protection {
            Protection::None => return Ok(Self::Plain(inner)),
            Protection::Passphrase(text) => {
                age::Encryptor::with_user_passphrase(SecretString::from(text.as_str().to_owned()))
            }
            Protection::Recipients(texts) => {
                let parsed: Vec<age::x25519::Recipient> = texts
                    .iter()
                    .map(|text| {
                        text.parse().map_err(|detail: &str| Error::Key {
                            what: "recipient",
                            detail: format!("{text}: {detail}"),
                        })
                    })
                    .collect::<Result<_, _>>()?;
                let recipients = parsed.iter().map(|recipient| recipient as &dyn age::Recipient);
                age::Encryptor::with_recipients(recipients).map_err(|error| Error::Key {
                    what: "recipient",
                    detail: error.to_string(),
                })?
            }
        };
        encryptor
            .wrap_output(inner)
            .map(Self::Sealed)
            .map_err(|source| Error::Io {
                what: "writing the archive".into(),
                source,
            })
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(inner) => Ok(inner),
            Self::Sealed(stream) => stream.finish(),
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.write(bytes),
            Self::Sealed(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(inner) => inner.flush(),
            Self::Sealed(stream) => stream.flush(),
        }
    }
}

/// Looks at how it begins, and opens it when it is sealed.
pub(crate) fn open<'a>(mut input: impl BufRead + 'a, opening: &Opening) -> Result<Box<dyn Read + 'a>, Error> {
    let beginning = input.fill_buf().map_err(|source| Error::Io {
        what: "reading the archive".into(),
        source,
    })?;
    if !is_sealed(beginning) {
        return Ok(Box::new(input));
    }
    let decryptor = age::Decryptor::new_buffered(input).map_err(|_| Error::Foreign("its age header is malformed"))?;
    let stream = if decryptor.is_scrypt() {
        let text = opening.passphrase.as_ref().ok_or(Error::Sealed)?;
        let identity = age::scrypt::Identity::new(SecretString::from(text.as_str().to_owned()));
        decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
    } else {
        let text = opening.identities.as_ref().ok_or(Error::Sealed)?;
        let keys: Vec<age::x25519::Identity> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                line.parse().map_err(|detail: &str| Error::Key {
                    what: "identity file",
                    detail: detail.to_owned(),
                })
            })
            .collect::<Result<_, _>>()?;
        decryptor.decrypt(keys.iter().map(|key| key as &dyn age::Identity))
    };
    Ok(Box::new(stream.map_err(|_| Error::WrongKey)?))
}
