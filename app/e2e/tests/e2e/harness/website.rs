//! Real input and the way it is looked at: Debian's PostgreSQL manual as an archive, and sites as browsers reach them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client};
use serde_json::{Value, json};

use super::system::tree;
use super::{Account, Answer, System, client, eventually};

/// The folder of the manual's pages.
///
/// # Panics
/// When it is not installed; the message says what to do.
pub fn manual() -> PathBuf {
    let found = std::fs::read_dir("/usr/share/doc")
        .into_iter()
        .flatten()
        .flatten()
        .find_map(|entry| {
            let html = entry.path().join("html");
            let is_manual = entry.file_name().to_string_lossy().starts_with("postgresql-doc-");
            (is_manual && html.join("index.html").exists()).then_some(html)
        });
    found.expect("install Debian's postgresql-doc: `make deps-test`")
}

/// A `.zip` of every file below `folder`.
pub fn zip(folder: &Path) -> Vec<u8> {
    let files = tree(folder).into_iter().filter(|name| folder.join(name).is_file());
    zip_of(files.map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())))
}

/// A `.zip` of these files.
pub fn zip_of(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_level(Some(1));
    for (name, bytes) in files {
        archive.start_file(name, options).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A `.tar.gz` of every file below `folder`.
pub fn tar_gz(folder: &Path) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(true);
    archive.append_dir_all(".", folder).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

/// A site of one page that says `text`.
pub fn page(text: &str) -> Vec<u8> {
    zip_of([(
        "index.html".to_owned(),
        format!("<!doctype html><title>{text}</title><h1>{text}</h1>").into_bytes(),
    )])
}

/// Bytes that do not get smaller when they are packed.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}

impl Account {
    /// A site with this domain.
    pub async fn site(&self, domain: &str) -> String {
        let body = json!({"name": format!("Site {domain}"), "domain": domain});
        self.api.post("/sites", body).await.expect(201).id()
    }

    /// Uploads in pieces, as the panel does, and gives the upload's id.
    pub async fn upload(&self, site: &str, filename: &str, archive: &[u8]) -> String {
        let uploads = format!("/sites/{site}/uploads");
        let body = json!({"filename": filename, "size": archive.len()});
        let upload = self.api.post(&uploads, body).await.expect(201).id();
        let path = format!("{uploads}/{upload}");
        let mut offset = 0;
        for piece in archive.chunks(8 << 20) {
            let request = self.api.request("PATCH", &path).body("application/octet-stream", piece);
            let answer = request
                .header("upload-offset", &offset.to_string())
                .send()
                .await
                .expect(204);
            offset += piece.len();
            assert_eq!(answer.header("upload-offset"), offset.to_string());
        }
        upload
    }

    /// Makes a release of an archive, active at once; gives operation and release.
    pub async fn release(&self, site: &str, filename: &str, archive: &[u8]) -> (String, String) {
        let upload = self.upload(site, filename, archive).await;
        let body = json!({"upload_id": upload, "activate": true});
        let answer = self
            .api
            .post(&format!("/sites/{site}/releases"), body)
            .await
            .expect(202);
        (answer.text("/operation_id"), answer.text("/release_id"))
    }

    /// The operation once it has ended, whatever its end.
    pub async fn ended(&self, operation: &str) -> Value {
        let path = format!("/operations/{operation}");
        eventually(&format!("{operation} ends"), async || {
            // The panel may be away: its processes are killed under it.
            let answer = self.api.request("GET", &path).send_unchecked().await.ok()?;
            let ended = answer.status == 200 && !answer.body["finished_at"].is_null();
            ended.then_some(answer.body)
        })
        .await
    }

    /// Waits for an operation that has to succeed.
    pub async fn succeeded(&self, operation: &str) -> Value {
        let ended = self.ended(operation).await;
        assert_eq!(ended["state"], "succeeded", "{ended:#}");
        ended
    }

    /// Releases an archive and waits until it is live.
    pub async fn publish(&self, site: &str, archive: &[u8]) -> String {
        let (operation, release) = self.release(site, "site.zip", archive).await;
        self.succeeded(&operation).await;
        release
    }
}

impl System {
    /// The certificate of the internal authority, PEM.
    pub async fn authority(&self) -> Vec<u8> {
        self.api().get("/certificate-authority").await.expect(200).bytes
    }

    /// A browser that trusts the internal authority alone and finds `hosts` at the edge.
    pub async fn browser(&self, hosts: &[&str]) -> Browser {
        let authority = self.authority().await;
        self.browser_trusting(&authority, hosts)
    }

    /// The same when the panel cannot be asked.
    pub fn browser_trusting(&self, authority: &[u8], hosts: &[&str]) -> Browser {
        let address = self.address("edge_https");
        let mut builder = client::builder()
            .tls_certs_only(Certificate::from_pem_bundle(authority).unwrap())
            .timeout(Duration::from_secs(10))
            .pool_max_idle_per_host(0);
        for host in hosts {
            builder = builder.resolve(host, address);
        }
        Browser {
            http: builder.build().unwrap(),
            port: address.port(),
        }
    }
}

/// Looks at sites.
#[derive(Debug)]
pub struct Browser {
    pub http: Client,
    port: u16,
}

impl Browser {
    /// What the edge answers over HTTPS, or why there is no answer.
    pub async fn get(&self, host: &str, path: &str) -> Result<Answer, String> {
        let url = format!("https://{host}:{}{path}", self.port);
        let answer = self.http.get(&url).send().await.map_err(|error| format!("{error:?}"))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.map_err(|error| format!("{error:?}"))?.to_vec();
        Ok(Answer {
            request: format!("GET {url}"),
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            bytes,
        })
    }

    /// Waits until the page contains `text`: certificates and changes take a moment.
    pub async fn shows(&self, host: &str, path: &str, text: &str) -> Answer {
        let mut last = String::new();
        let found = tokio::time::timeout(super::PATIENCE / 2, async {
            loop {
                match self.get(host, path).await {
                    Ok(answer) if answer.status == 200 && String::from_utf8_lossy(&answer.bytes).contains(text) => {
                        return answer;
                    }
                    Ok(answer) => last = answer.to_string(),
                    Err(error) => last = error,
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_elapsed| panic!("https://{host}{path} does not show {text:?} but: {last}"))
    }
}
