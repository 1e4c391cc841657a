//! Giving up everything the task does not need.

use std::os::fd::{AsFd, OwnedFd};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, Scope,
};
use mpanel_agent_protocol::protocol::Failure;
use rustix::fs::{Gid, Mode, Uid};
use rustix::process::{
    Resource, Rlimit, Signal, getegid, geteuid, getgid, getuid, set_parent_process_death_signal, setrlimit, umask,
};
use rustix::thread::{
    CapabilitySet, capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
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
    if let Some(identity) = identity {
        // These calls change the calling thread; the helper has no other.
        become_site(identity)?;
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
    if let Err(error) = landlock(site) {
        // Kernels without it are supported: the uid and openat2 are the walls, this is a second one.
        note("landlock is not in force", &error);
    }
    Ok(())
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

fn landlock(site: &OwnedFd) -> Result<(), RulesetError> {
    const NEWEST: ABI = ABI::V6;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rule(PathBeneath::new(site.as_fd(), AccessFs::from_all(NEWEST)))?
        .restrict_self()?;
    Ok(())
}

fn step(what: &str, result: Result<(), rustix::io::Errno>) -> Result<(), Failure> {
    result.map_err(|error| Failure::Internal {
        detail: format!("{what}: {error}"),
    })
}
