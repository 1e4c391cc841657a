//! `mpanel site deploy`: pack, upload, release, follow.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::api::Answer;
use super::connection::Cx;
use super::failure::Failure;
use super::upload::Upload;
use super::{find, operation, pack, view};

/// Arguments of `site deploy`.
#[derive(Debug, clap::Args)]
pub struct Deploy {
    /// The website's id or name
    pub site: String,
    /// The archive, or a folder to pack
    #[arg(value_name = "FILE|DIR")]
    pub source: PathBuf,
    /// What is new in it
    #[arg(long)]
    pub note: Option<String>,
    /// Unpack it but keep publishing what is published now
    #[arg(long)]
    pub no_activate: bool,
    /// Do not wait for the end
    #[arg(long)]
    pub no_wait: bool,
}

/// # Errors
/// When the archive is none, the server refuses, or the operation fails.
pub async fn run(cx: &Cx, args: Deploy) -> Result<(), Failure> {
    let (file, filename) = archive(&args.source)?;
    let site = find::id(cx, find::SITE, &args.site).await?;
    let upload = Upload::new(&cx.api, &site, &file, &filename)?;
    let accepted = match release(cx, &upload, &args).await {
        // An upload begun by an earlier process may have been used or dropped in the meantime.
        Err(failure) if matches!(failure.status(), Some(404 | 409 | 410)) && was_resumed(&failure) => {
            upload.forget();
            release(cx, &upload, &args).await?
        }
        accepted => accepted?,
    };
    upload.forget();
    let release = accepted.text("/release_id").to_owned();
    if args.no_wait {
        return cx.done(
            &accepted,
            &format!(
                "release {release} is being prepared: mpanel operation watch {}",
                accepted.text("/operation_id")
            ),
        );
    }
    operation::finish(cx, accepted, false).await?;
    let release = cx.api.get(&["sites", &site, "releases", &release]).await?;
    let number = view::at(&release.value, "/number");
    let sentence = if args.no_activate {
        format!(
            "release {number} is ready: mpanel site rollback {} --to {number} publishes it",
            args.site
        )
    } else {
        let site = cx.api.get(&["sites", &site]).await?;
        let url = [site.text("/url"), site.text("/preview_url")]
            .into_iter()
            .find(|url| !url.is_empty());
        format!("release {number} is published: {}", url.unwrap_or_default())
    };
    cx.done(&release, &sentence)
}

/// Only problems about the upload itself are worth a fresh one; a full plan is not.
fn was_resumed(failure: &Failure) -> bool {
    failure.code().contains("upload")
}

async fn release(cx: &Cx, upload: &Upload<'_>, args: &Deploy) -> Result<Answer, Failure> {
    let id = upload.run().await?;
    let mut body = json!({"upload_id": id, "activate": !args.no_activate});
    if let Some(note) = &args.note {
        body["note"] = note.as_str().into();
    }
    // Sent twice because the answer was lost, it is still one release.
    let key = format!("deploy-{id}");
    let path = ["sites", upload.site, "releases"];
    match cx.api.post_once(&path, &key, &body).await {
        Err(failure) if failure.is_temporary() => {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            cx.api.post_once(&path, &key, &body).await
        }
        answer => answer,
    }
}

/// The archive as a file, and what it is called.
fn archive(source: &Path) -> Result<(File, String), Failure> {
    let unusable = |why: &str| Failure::Usage(format!("{}: {why}", source.display()));
    let metadata = std::fs::metadata(source).map_err(|error| match error.kind() {
        ErrorKind::NotFound => unusable("there is no such file or folder"),
        _ => unusable(&error.to_string()),
    })?;
    // `.` has no name of its own.
    let real = source.canonicalize()?;
    let name = real
        .file_name()
        .map_or_else(|| "site".to_owned(), |name| name.to_string_lossy().into_owned());
    if metadata.is_dir() {
        let packed = pack::pack(source)?;
        let hidden = if packed.hidden > 0 {
            format!(", {} hidden ones left out", packed.hidden)
        } else {
            String::new()
        };
        view::say(&format!(
            "packed {} files{hidden}: {}",
            packed.files,
            view::bytes(packed.size)
        ));
        return Ok((packed.file, format!("{name}.tar.gz")));
    }
    let file = File::open(source).map_err(|error| unusable(&error.to_string()))?;
    let mut start = [0; 4];
    // Shorter than that, it is no archive either.
    let read = file.read_at(&mut start, 0).unwrap_or(0);
    match &start[..read] {
        b"PK\x03\x04" | b"PK\x05\x06" | [0x1f, 0x8b, ..] => Ok((file, name)),
        _ => Err(Failure::Invalid(format!(
            "{}: neither a .zip nor a .tar.gz; a folder is packed by itself",
            source.display()
        ))),
    }
}
