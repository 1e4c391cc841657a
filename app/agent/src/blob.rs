//! Reading frames with a descriptor beside them.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use mpanel_agent_protocol::protocol::{FrameError, MAX_FRAME, decode};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};
use serde::de::DeserializeOwned;

/// One frame and the descriptors that came with its bytes: at most one, more is an error.
pub(crate) struct Received<T> {
    pub(crate) value: T,
    pub(crate) blob: Option<OwnedFd>,
}

struct Reader<'a> {
    stream: &'a UnixStream,
    blob: Option<OwnedFd>,
}

impl Reader<'_> {
    /// 0 at the end.
    fn some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Room for more than one, so that a second is seen (and closed) instead of silently cut off.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            match recvmsg(
                self.stream,
                &mut [IoSliceMut::new(buffer)],
                &mut control,
                RecvFlags::CMSG_CLOEXEC,
            ) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?,
            }
        };
        let mut extra = received.flags.contains(ReturnFlags::CTRUNC);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                for fd in fds {
                    extra |= self.blob.replace(fd).is_some();
                }
            }
        }
        if extra {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more than one descriptor"));
        }
        Ok(received.bytes)
    }

    fn exact(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.some(buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => buffer = &mut buffer[n..],
            }
        }
        Ok(())
    }
}

/// Reads one frame; `None` at a clean end.
///
/// # Errors
/// [`FrameError`]; a second descriptor is `InvalidData`, a silent peer `WouldBlock` by the socket's time limit.
pub(crate) fn receive<T: DeserializeOwned>(stream: &UnixStream) -> Result<Option<Received<T>>, FrameError> {
    let mut reader = Reader { stream, blob: None };
    let mut head = [0; 4];
    let first = reader.some(&mut head)?;
    if first == 0 {
        return Ok(None);
    }
    reader.exact(&mut head[first..])?;
    let len = u32::from_be_bytes(head) as usize;
    if len > MAX_FRAME {
        return Err(FrameError::TooLong(len));
    }
    let mut json = vec![0; len];
    reader.exact(&mut json)?;
    Ok(Some(Received {
        value: decode(&json)?,
        blob: reader.blob,
    }))
}

/// What a blob is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Write,
}

/// A blob must be a regular file open for what is done with it: anything else could block the helper or change its answers.
pub(crate) fn check(blob: &OwnedFd, wanted: Use) -> Result<(), &'static str> {
    let stat = fstat(blob).map_err(|_| "blob cannot be examined")?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err("blob is no regular file");
    }
    let flags = fcntl_getfl(blob).map_err(|_| "blob cannot be examined")?;
    let mode = flags & OFlags::RWMODE;
    match wanted {
        _ if flags.contains(OFlags::PATH) => Err("blob is not open"),
        Use::Read if mode == OFlags::WRONLY => Err("blob is not open for reading"),
        Use::Write if mode == OFlags::RDONLY => Err("blob is not open for writing"),
        Use::Write if stat.st_size != 0 => Err("blob is not empty"),
        Use::Read | Use::Write => Ok(()),
    }
}
