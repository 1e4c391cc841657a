//! Frames: a length (`u32`, big-endian) and that many bytes of JSON.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::refused::Refusal;
use crate::usage::Usage;

/// The version of this protocol; another one is refused by name.
pub const PROTOCOL: u32 = 1;
/// The largest frame in bytes; a peer that announces more is cut off.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// What a data plane says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientFrame {
    Hello(Hello),
    /// Everything up to and including `seq` is served.
    Ack {
        seq: i64,
    },
    /// These states cannot be served, of all that were sent; in place of what was said before. Only sent to those who
    /// take it.
    Refused {
        refused: Vec<Refusal>,
    },
    /// To be answered with [`ServerFrame::UsageTaken`]. Only sent to those who take it.
    Usage(Usage),
}

/// The first frame of a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub role: Role,
    /// Which of several processes of this role: `edge`, `dns-1`, `dns-2`.
    pub process: String,
    pub version: String,
    /// What the consumer has, if anything.
    pub position: Option<Position>,
    pub topics: Vec<String>,
    /// X25519, base64; to which secrets for this process are sealed.
    pub public_key: Option<String>,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Edge,
    Dns,
}

impl Role {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Dns => "dns",
        }
    }
}

/// A place in the feed. The epoch changes when a database is restored, so that numbers of another
/// history are never mistaken for this one's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub epoch: String,
    pub seq: i64,
}

/// What the control plane says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum ServerFrame {
    Welcome {
        protocol: u32,
        node: String,
        position: Position,
        mode: Mode,
        /// Whether reports of usage are taken; an older control plane takes none.
        #[serde(default)]
        usage: bool,
        /// Whether it may be told what cannot be served; an older control plane does not know of that.
        #[serde(default)]
        refusals: bool,
    },
    /// Items come in the order of their numbers, each object's newest only: after an item, nothing with a lower number
    /// follows but what was lower once and has changed since.
    Item(Item),
    /// In snapshot mode: that was all of it, as of this place.
    SnapshotEnd {
        position: Position,
    },
    /// Everything up to `seq` has been sent; to be acknowledged.
    Heartbeat {
        seq: i64,
    },
    /// What the report said is kept for good.
    UsageTaken {
        seq: u64,
    },
    /// The report could not be kept now and is to be made again a while later.
    UsageNotKept {
        seq: u64,
    },
    Refused {
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Only what came after the consumer's position follows.
    Resume,
    /// Everything current follows and replaces what the consumer has.
    Snapshot,
}

/// One object's newest state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub seq: i64,
    pub topic: String,
    pub key: String,
    pub generation: i64,
    /// `None` when the object is gone.
    pub value: Option<serde_json::Value>,
}

/// # Errors
/// When the peer is gone, or the frame is larger than [`MAX_FRAME`].
pub async fn write<W: AsyncWrite + Unpin>(to: &mut W, frame: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, frame)?;
    let length = bytes.len() - 4;
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame larger than allowed"));
    }
    bytes[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    to.write_all(&bytes).await
}

/// # Errors
/// When the peer is gone or sends what is no frame of this type.
pub async fn read<T: DeserializeOwned, R: AsyncRead + Unpin>(from: &mut R) -> io::Result<T> {
    let length = from.read_u32().await? as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame larger than allowed"));
    }
    // Grow with what really arrives: the announced length alone reserves nothing.
    let mut bytes = Vec::with_capacity(length.min(64 * 1024));
    from.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}
