//! Frames: a big-endian `u32` length and that many bytes of JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest JSON of one frame, either way.
pub const MAX_FRAME: usize = 256 * 1024;

/// The bytes were no frame of the expected kind.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("frame of {0} bytes is too long")]
    TooLong(usize),
    #[error("frame is not what is expected here: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The frame's bytes, length first.
///
/// # Errors
/// [`FrameError::TooLong`] past [`MAX_FRAME`].
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, value)?;
    let len = bytes.len() - 4;
    if len > MAX_FRAME {
        return Err(FrameError::TooLong(len));
    }
    // MAX_FRAME fits u32.
    bytes[..4].copy_from_slice(&(len as u32).to_be_bytes());
    Ok(bytes)
}

/// The value of a frame's JSON (without the length).
///
/// # Errors
/// [`FrameError::Malformed`] for unknown verbs, unknown or missing fields, values out of range.
pub fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, FrameError> {
    Ok(serde_json::from_slice(json)?)
}

/// Reads one frame; `None` at a clean end.
///
/// # Errors
/// As [`decode`]; an end inside a frame is `UnexpectedEof`.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut head = [0; 4];
    let first = loop {
        match from.read(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[first..])?;
    let len = u32::from_be_bytes(head) as usize;
    if len > MAX_FRAME {
        return Err(FrameError::TooLong(len));
    }
    let mut json = vec![0; len];
    from.read_exact(&mut json)?;
    decode(&json).map(Some)
}

/// Writes one frame in one call, so that two processes on a pipe do not mix small ones.
///
/// # Errors
/// As [`encode`], and what writing gives.
pub fn write_frame<T: Serialize>(to: &mut impl Write, value: &T) -> Result<(), FrameError> {
    to.write_all(&encode(value)?)?;
    Ok(to.flush()?)
}
