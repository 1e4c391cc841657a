//! An upload of more than a gibibyte: broken off in the middle, resumed, complete to the byte, and never in memory.

use std::convert::Infallible;
use std::io;

use aws_lc_rs::digest;
use futures_util::stream;
use mpanel_testkit::root;
use reqwest::Body;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::json;

use crate::harness::accounts::claim;
use crate::harness::client::Credential;
use crate::harness::{Account, System, client, eventually, website};

const MIB: u64 = 1 << 20;
/// Not a multiple of anything.
const SIZE: u64 = 1100 * MIB + 12_345;
/// Where the connection breaks.
const BREAK: u64 = 500 * MIB;
/// How much more memory `serve` may take for it: some blocks, a fortieth of what is sent.
const GROWTH_KIB: u64 = 28 << 10;

/// Bytes that are the same each time, from anywhere, without having been anywhere: blocks of noise with their numbers in them.
struct Content {
    noise: Vec<u8>,
}

impl Content {
    fn new() -> Self {
        Self {
            noise: website::noise(usize::try_from(MIB).unwrap()),
        }
    }

    /// The pieces between two places.
    fn pieces(&self, from: u64, to: u64) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
        let noise = self.noise.clone();
        (from / MIB..to.div_ceil(MIB)).map(move |number| {
            let mut block = noise.clone();
            block[..8].copy_from_slice(&number.to_le_bytes());
            let begin = number * MIB;
            let cut = |at: u64| usize::try_from(at.saturating_sub(begin).min(MIB)).unwrap();
            block[cut(from)..cut(to)].to_vec()
        })
    }

    fn sha256(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        self.pieces(0, SIZE).for_each(|piece| hash.update(&piece));
        hash.finish()
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Sends bytes from `offset`, which come from `body`; an error when no answer comes.
async fn append(owner: &Account, path: &str, offset: u64, body: Body) -> Result<reqwest::Response, reqwest::Error> {
    let Credential::Token(token) = &owner.api.credential else {
        unreachable!("it was made with a token")
    };
    let request = client::builder().build().unwrap();
    let request = request.patch(format!("http://{}/api/v1{path}", owner.api.panel));
    let request = request
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_LENGTH, SIZE - offset)
        .header("upload-offset", offset);
    request.body(body).send().await
}

/// A figure of a process's memory, in KiB.
fn memory(system: &System, process: &str, figure: &str) -> u64 {
    let pid = system.pid(process).expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).unwrap();
    line.trim_matches([':', '\t', ' ', 'k', 'B']).parse().unwrap()
}

#[tokio::test]
async fn a_gibibyte_that_breaks_off_is_resumed_and_passes_through_little_memory() {
    if !root::here_or_excused("an ordinary user cannot mount a disk for it, and the one there is may be full") {
        return;
    }
    let mut system = System::prepare(&[]);
    system.mount("blobs/uploads", SIZE / MIB + 200);
    system.up().await;
    let mut owner = claim(&system).await;
    owner.api = owner.token().await;
    let api = &owner.api;
    let site = owner.site("www.large.example").await;
    let uploads = format!("/sites/{site}/uploads");
    let body = json!({"filename": "large.zip", "size": SIZE});
    let upload = api.post(&uploads, body).await.expect(201).id();
    let path = format!("{uploads}/{upload}");
    let content = Content::new();
    let before = memory(&system, "serve", "VmRSS");

    let pieces = content.pieces(0, BREAK).map(Ok);
    let broken = pieces.chain([Err(io::Error::other("the connection breaks"))]);
    let sent = append(&owner, &path, 0, Body::wrap_stream(stream::iter(broken))).await;
    assert!(sent.is_err(), "{sent:?}");
    // What has arrived is on disk, and said to whoever asks where to go on.
    let arrived = eventually("what has arrived is counted", async || {
        let known = api.get(&path).await.expect(200).body;
        assert_eq!(known["state"], "open");
        let offset = known["offset"].as_u64().unwrap();
        let stays = api
            .request("PATCH", &path)
            .body("application/octet-stream", Vec::new())
            .header("upload-offset", &offset.to_string());
        let stays = stays.send().await.status == 204;
        (stays && offset > BREAK / 2).then_some(offset)
    })
    .await;
    assert!(arrived <= BREAK, "{arrived}");
    let wrong = api
        .request("PATCH", &path)
        .body("application/octet-stream", b"x".to_vec());
    let wrong = wrong
        .header("upload-offset", &(arrived + 1).to_string())
        .send()
        .await
        .expect(409);
    assert_eq!(wrong.header("upload-offset"), arrived.to_string());

    let rest = content.pieces(arrived, SIZE).map(Ok::<_, Infallible>);
    let done = append(&owner, &path, arrived, Body::wrap_stream(stream::iter(rest)))
        .await
        .unwrap();
    assert_eq!(done.status(), 204);
    assert_eq!(done.headers()["upload-offset"], SIZE.to_string());
    let known = api.get(&path).await.expect(200);
    assert_eq!(
        (known.text("/state").as_str(), &known.body["offset"]),
        ("finished", &json!(SIZE))
    );
    assert_eq!(known.text("/sha256"), content.sha256());

    let peak = memory(&system, "serve", "VmHWM");
    assert!(
        peak < before + GROWTH_KIB,
        "serve took {peak} KiB at most, {before} before"
    );
    let on_disk = || std::fs::read_dir(system.disk("blobs/uploads").at()).unwrap().count();
    assert_eq!(on_disk(), 1);
    api.delete(&path).await.expect(204);
    api.get(&path).await.expect(404);
    assert_eq!(on_disk(), 0, "it is still there");
    let usage = api.get(&format!("/tenants/{}/usage", owner.tenant)).await.expect(200);
    let disk = usage.body["items"].as_array().unwrap().iter();
    let disk = disk.clone().find(|item| item["key"] == "disk_bytes");
    assert_eq!(disk.unwrap()["used"], 0, "{usage}");
}
