//! The listeners' way to a successor, which is this process after `execve`: as descriptors in a message (`SCM_RIGHTS`) that waits on a
//! socket in the place of standard input. Taking them back from the children would do as well, but some containers forbid that.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::stdio::{dup2_stdin, stdin};

/// The variable that tells a successor that something waits for it.
pub const MARK: &str = "LISTENERS_ON_STDIN";
/// More than there are listeners; the kernel takes 253.
const MOST: usize = 64;
const NAMES_MAX: usize = 4096;

/// Lays the listeners down for whom this process becomes.
///
/// # Errors
/// When descriptors run out; nothing is lost then.
pub fn give(listeners: &[(String, BorrowedFd<'_>)]) -> io::Result<()> {
    let (ours, theirs) = UnixStream::pair()?;
    let (names, fds): (Vec<&str>, Vec<BorrowedFd<'_>>) =
        listeners.iter().map(|(name, fd)| (name.as_str(), *fd)).unzip();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("too many listeners for one message"));
    }
    let names = names.join("\n");
    sendmsg(
        &ours,
        &[IoSlice::new(names.as_bytes())],
        &mut control,
        SendFlags::empty(),
    )?;
    Ok(dup2_stdin(&theirs)?)
}

/// What a predecessor laid down, with its names.
///
/// # Errors
/// When there is nothing, or it is not what [`give`] makes.
pub fn take() -> io::Result<Vec<(String, OwnedFd)>> {
    let mut names = [0; NAMES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        stdin(),
        &mut [IoSliceMut::new(&mut names)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    )?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            fds.extend(some);
        }
    }
    clear()?;
    let names = std::str::from_utf8(&names[..received.bytes]).map_err(io::Error::other)?;
    Ok(names.lines().map(str::to_owned).zip(fds).collect())
}

/// Standard input is empty again.
///
/// # Errors
/// When there is no `/dev/null`.
pub fn clear() -> io::Result<()> {
    Ok(dup2_stdin(File::open("/dev/null")?)?)
}
