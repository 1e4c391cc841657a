//! Archives that tenants take away: what was given to the panel comes back as it was, and to nobody else.

mod contents;
mod hostile;

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::harness::{Account, Api, System, eventually};

/// What is in a tar file: contents by path; of a link, where it leads.
type Files = BTreeMap<String, Member>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    File(Vec<u8>),
    Link(String),
}

impl Member {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::File(bytes) => bytes,
            Self::Link(to) => panic!("a link to {to}"),
        }
    }
}

fn untar(tar: impl std::io::Read) -> Files {
    let mut tar = tar::Archive::new(tar);
    let mut files = Files::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let member = match entry.header().entry_type() {
            tar::EntryType::Directory => continue,
            tar::EntryType::Symlink => {
                Member::Link(String::from_utf8(entry.link_name_bytes().unwrap().into_owned()).unwrap())
            }
            tar::EntryType::Regular => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                Member::File(bytes)
            }
            other => panic!("{path} is a {other:?}"),
        };
        assert!(files.insert(path.clone(), member).is_none(), "{path} comes twice");
    }
    files
}

/// An archive as its owner opens it.
fn opened(archive: &[u8]) -> Files {
    untar(zstd::Decoder::new(archive).unwrap())
}

/// The files of a release in an archive.
fn released(files: &Files, tenant: &str, site: &str, release: &str) -> Files {
    let path = format!("tenants/{tenant}/sites/{site}/releases/{release}.tar.gz");
    untar(GzDecoder::new(files[&path].bytes()))
}

fn parsed(files: &Files, path: &str) -> Value {
    let file = files
        .get(path)
        .unwrap_or_else(|| panic!("no {path} in {:?}", files.keys()));
    serde_json::from_slice(file.bytes()).unwrap()
}

/// Asks for an archive of `tenant`; its path.
async fn asked(api: &Api, tenant: &str, body: Value) -> String {
    let exports = format!("/tenants/{tenant}/exports");
    let id = api.post(&exports, body).await.expect(202).id();
    format!("{exports}/{id}")
}

/// An archive once it is `ready`, or whatever else has come of it.
async fn ended(api: &Api, export: &str) -> Value {
    eventually(&format!("{export} ends"), async || {
        let answer = api.request("GET", export).send_unchecked().await.ok()?;
        (answer.status == 200 && answer.body["state"] != "running").then_some(answer.body)
    })
    .await
}

/// Makes an archive of the account's tenant; its path.
async fn made(owner: &Account) -> String {
    let export = asked(&owner.api, &owner.tenant, json!({})).await;
    let ended = ended(&owner.api, &export).await;
    assert_eq!(ended["state"], "ready", "{ended:#}");
    export
}

async fn downloaded(api: &Api, export: &str) -> Vec<u8> {
    api.get(&format!("{export}/download")).await.expect(200).bytes
}

/// Everything in the folder of archives.
fn on_disk(system: &System) -> Vec<String> {
    let root = system.data().join("blobs/exports");
    let files = crate::harness::system::tree(&root).into_iter();
    files.filter(|name| root.join(name).is_file()).collect()
}
