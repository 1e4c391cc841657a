//! Where a chunked body ends (RFC 9112 §7.1), whatever the pieces it comes in. Stricter than a recipient has to be: what could be
//! read in two ways is malformed.

#[derive(Default)]
pub(super) struct Chunks {
    at: At,
}

/// What the next byte is.
#[derive(Clone, Copy, Default)]
enum At {
    /// The first digit of a size.
    #[default]
    Size,
    /// A digit behind those that say so much, or what ends them.
    Digits(u64),
    Extension(u64),
    SizeLf(u64),
    /// Of data, of which so much is left.
    Data(u64),
    DataCr,
    DataLf,
    /// The first of a trailer's line, or of the end.
    Trailer,
    TrailerLine,
    TrailerLf,
    EndLf,
}

#[derive(Debug)]
pub(super) struct Malformed;

impl Chunks {
    /// Where the body ends in these bytes, when it does.
    ///
    /// # Errors
    /// When these are no chunks; then nothing more is to be given to it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let mut index = 0;
        while let Some(byte) = bytes.get(index) {
            if let At::Data(left) = self.at {
                let rest = bytes.len() - index;
                let here = usize::try_from(left).map_or(rest, |left| left.min(rest));
                let left = left - here as u64;
                self.at = if left == 0 { At::DataCr } else { At::Data(left) };
                index += here;
                continue;
            }
            index += 1;
            match self.at.after(*byte)? {
                Some(at) => self.at = at,
                None => return Ok(Some(index)),
            }
        }
        Ok(None)
    }
}

impl At {
    /// What comes after this byte; `None` after the last one of the body.
    fn after(self, byte: u8) -> Result<Option<Self>, Malformed> {
        let next = match (self, byte) {
            (Self::Size, _) => Self::Digits(digit(byte).ok_or(Malformed)?),
            (Self::Digits(size), b'\r') | (Self::Extension(size), b'\r') => Self::SizeLf(size),
            (Self::Digits(size), b';' | b' ' | b'\t') => Self::Extension(size),
            (Self::Digits(size), _) => {
                let digit = digit(byte).ok_or(Malformed)?;
                Self::Digits(size.checked_mul(16).ok_or(Malformed)? + digit)
            }
            (Self::Extension(_), b'\n') | (Self::TrailerLine, b'\n') => return Err(Malformed),
            (Self::Extension(size), _) => Self::Extension(size),
            (Self::SizeLf(0), b'\n') | (Self::TrailerLf, b'\n') => Self::Trailer,
            (Self::SizeLf(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::Size,
            (Self::Trailer, b'\r') => Self::EndLf,
            (Self::TrailerLine, b'\r') => Self::TrailerLf,
            (Self::Trailer | Self::TrailerLine, _) if byte != b'\n' => Self::TrailerLine,
            (Self::EndLf, b'\n') => return Ok(None),
            _ => return Err(Malformed),
        };
        Ok(Some(next))
    }
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}
