//! Why an archive is refused, for the one who sent it.

use mpanel_client_agent::{ArchiveFault, Error, Failure, Rejection};
use mpanel_jobs::StepError;

/// Whether a failure with this code comes again with the same upload.
#[must_use]
pub fn lies_in_the_upload(code: &str) -> bool {
    ["sites.release.archive_", "sites.release.upload_"]
        .iter()
        .any(|begin| code.starts_with(begin))
}

/// The step's error of a failed unpacking. `limit` is what the archive was allowed to become, and
/// whether the plan, rather than the platform, set it.
pub fn of(error: Error, (limit, by_plan): (u64, bool)) -> StepError {
    match error {
        Error::Failed(Failure::Archive(Rejection {
            fault: ArchiveFault::TooManyBytes { .. },
            ..
        })) if by_plan => StepError::failed(
            "sites.release.quota",
            format!(
                "the unpacked site takes more than the {limit} bytes of disk space that the plan has left; every file and \
                 folder takes 4096 at least"
            ),
        ),
        Error::Failed(Failure::Archive(rejection)) => StepError::failed(code(&rejection.fault), text(&rejection)),
        Error::Failed(Failure::NoSpace {}) => StepError::failed(
            "sites.release.no_space",
            "the server has no disk space left for the release; the site is as it was",
        ),
        // Another request works on the site's files; it ends by itself.
        error => crate::error::Error::Agent(error).into(),
    }
}

fn text(rejection: &Rejection) -> String {
    match &rejection.entry {
        Some(entry) => format!("the archive was refused because of {entry}: {}", rejection.fault),
        None => format!("the archive was refused: {}", rejection.fault),
    }
}

const fn code(fault: &ArchiveFault) -> &'static str {
    match fault {
        ArchiveFault::WrongFormat {} => "sites.release.archive_wrong_format",
        ArchiveFault::Truncated {} => "sites.release.archive_truncated",
        ArchiveFault::Corrupt { .. } => "sites.release.archive_corrupt",
        ArchiveFault::Empty {} => "sites.release.archive_empty",
        ArchiveFault::Encrypted {} => "sites.release.archive_encrypted",
        ArchiveFault::UnsupportedCompression { .. } => "sites.release.archive_unsupported_compression",
        ArchiveFault::UnsupportedEntry { .. } => "sites.release.archive_unsupported_entry",
        ArchiveFault::AbsolutePath {} => "sites.release.archive_absolute_path",
        ArchiveFault::ParentPath {} => "sites.release.archive_parent_path",
        ArchiveFault::BadName { .. } => "sites.release.archive_bad_name",
        ArchiveFault::PathTooLong { .. } => "sites.release.archive_path_too_long",
        ArchiveFault::NameTooLong { .. } => "sites.release.archive_name_too_long",
        ArchiveFault::TooDeep { .. } => "sites.release.archive_too_deep",
        ArchiveFault::Symlink {} => "sites.release.archive_symlink",
        ArchiveFault::Hardlink {} => "sites.release.archive_hardlink",
        ArchiveFault::Device {} => "sites.release.archive_device",
        ArchiveFault::Fifo {} => "sites.release.archive_fifo",
        ArchiveFault::Socket {} => "sites.release.archive_socket",
        ArchiveFault::Duplicate {} => "sites.release.archive_duplicate",
        ArchiveFault::TypeConflict {} => "sites.release.archive_type_conflict",
        ArchiveFault::TooManyEntries { .. } => "sites.release.archive_too_many_entries",
        ArchiveFault::TooManyBytes { .. } => "sites.release.archive_too_many_bytes",
        ArchiveFault::CompressionBomb { .. } => "sites.release.archive_compression_bomb",
        ArchiveFault::Overlap {} => "sites.release.archive_overlap",
        ArchiveFault::HeaderMismatch { .. } => "sites.release.archive_header_mismatch",
    }
}
