//! Giving up everything the task does not need.
//!
//! What holds on every supported kernel (5.6, for `openat2`): the site's uid and the tenant's gid and nothing of root,
//! `no_new_privs`, no further process, the resource limits. What depends on the machine is put up where it can be, and a
//! line in the log says where it cannot:
//!
//! - A network namespace of its own, empty but for a loopback that is down: no TCP, no UDP, no abstract Unix socket. It
//!   takes `CAP_SYS_ADMIN` or a kernel that lets users make user namespaces, as Debian's does.
//! - Landlock: from 5.13 nothing but the site's folder can be opened, made, removed or listed; from 6.2 truncated.
//!   From 6.7 TCP is refused as well, from 6.10 device ioctls, from 6.12 signals and abstract Unix sockets. Debian 12
//!   has 6.1: files only, without truncation, which the uid rules out there.
//!
//! Descriptors that are open already (the blob, the pipes to the agent, the site's folder) stay usable.

use std::os::fd::{AsFd, OwnedFd};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};
use mpanel_agent_protocol::protocol::Failure;
use rustix::fs::{Gid, Mode, Uid};
use rustix::process::{
    Resource, Rlimit, Signal, getegid, geteuid, getgid, getuid, set_parent_process_death_signal, setrlimit, umask,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, capabilities, set_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid, unshare_unsafe,
};

use super::{Identity, note};

/// Seconds of processor time.
const CPU: u64 = 1800;
/// The list of a million files fits.
const MEMORY: u64 = 1 << 30;
/// A path of 64 folders, twice, and what is open besides.
const DESCRIPTORS: u64 = 256;

/// # Errors
/// [`Failure::Internal`] when anything could not be given up. The task must not run then.
pub(super) fn confine(site: &OwnedFd, identity: Option<Identity>, file_size: u64) -> Result<(), Failure> {
    step("no_new_privs", set_no_new_privs(true))?;
    // With root's rights, if they go that far: no user namespace is needed then.
    let mut apart = identity.is_some() && unshare(UnshareFlags::NEWNET).is_ok();
    if let Some(identity) = identity {
        // These calls change the calling thread; the helper has no other.
        become_site(identity)?;
    }
    if !apart {
        apart = leave_network()?;
    }
    if !apart {
        note(
            "network namespace is not in force",
            "this kernel does not let users make one",
        );
    }
    umask(Mode::from_raw_mode(0o027));
    // After the change of uid, which resets it. A helper whose agent died holds a lock nobody waits for.
    step("death signal", set_parent_process_death_signal(Some(Signal::KILL)))?;
    for (resource, limit) in [
        (Resource::Core, 0),
        (Resource::Cpu, CPU),
        (Resource::Fsize, file_size),
        (Resource::As, MEMORY),
        (Resource::Nofile, DESCRIPTORS),
        (Resource::Nproc, 0),
    ] {
        let both = Some(limit);
        step(
            "resource limit",
            setrlimit(
                resource,
                Rlimit {
                    current: both,
                    maximum: both,
                },
            ),
        )?;
    }
    // Kernels without it are supported: the uid and openat2 are the walls, this is a second one.
    match landlock(site) {
        Ok(RulesetStatus::NotEnforced) => note("landlock is not in force", "this kernel has none"),
        Ok(_) => {}
        Err(error) => note("landlock is not in force", &error.to_string()),
    }
    Ok(())
}

fn unshare(what: UnshareFlags) -> Result<(), rustix::io::Errno> {
    // SAFETY: the dangerous flag is FILES, by which threads would lose sight of each other's descriptors; it is never
    // passed, and there is one thread.
    #[allow(unsafe_code, reason = "only FILES makes it unsafe")]
    unsafe {
        unshare_unsafe(what)
    }
}

/// Leaves the machine's network behind with nobody's rights. False when the kernel does not let users do that.
fn leave_network() -> Result<bool, Failure> {
    if unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).is_err() {
        return Ok(false);
    }
    // A new user namespace comes with all rights over itself. No ids are mapped into it: files keep their owners, since
    // the kernel compares the real ones.
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    step("capabilities", set_capabilities(None, none))?;
    Ok(true)
}

fn become_site(Identity { uid, gid }: Identity) -> Result<(), Failure> {
    let (gid, uid) = (Gid::from_raw(gid), Uid::from_raw(uid.get()));
    if gid.is_root() {
        return Err(Failure::Internal {
            detail: "gid 0".to_owned(),
        });
    }
    // No group of the edge either: new files get it from their folder's setgid bit, and a member of it could
    // read every site.
    step("groups", set_thread_groups(&[]))?;
    step("gid", set_thread_res_gid(gid, gid, gid))?;
    step("uid", set_thread_res_uid(uid, uid, uid))?;
    let are_we = getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid;
    let left = capabilities(None).map_err(|error| Failure::Internal {
        detail: format!("capabilities: {error}"),
    })?;
    let harmless = left.effective == CapabilitySet::empty() && left.permitted == CapabilitySet::empty();
    if !are_we || !harmless || set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok() {
        return Err(Failure::Internal {
            detail: "root could not be given up".to_owned(),
        });
    }
    Ok(())
}

fn landlock(site: &OwnedFd) -> Result<RulesetStatus, RulesetError> {
    const NEWEST: ABI = ABI::V6;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rule(PathBeneath::new(site.as_fd(), AccessFs::from_all(NEWEST)))?
        .restrict_self()?;
    Ok(status.ruleset)
}

fn step(what: &str, result: Result<(), rustix::io::Errno>) -> Result<(), Failure> {
    result.map_err(|error| Failure::Internal {
        detail: format!("{what}: {error}"),
    })
}
