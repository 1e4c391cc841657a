use std::fs::{self, File};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::server::{Asked, Fake, Said, say};
use crate::cli::api::Api;
use crate::cli::pack::pack;
use crate::cli::upload::{Journal, PIECE, Upload};

/// The server's side of one upload.
#[derive(Default)]
struct Store {
    bytes: Vec<u8>,
    created: usize,
    /// What happens to the coming pieces; all well when empty.
    accidents: Vec<Accident>,
}

#[derive(Clone, Copy, PartialEq)]
enum Accident {
    None,
    /// Half of the piece arrives, then the panel goes away.
    HalfThenAway,
    /// All of it arrives, but the answer is lost.
    AnswerLost,
    /// The limit is reached.
    Refused,
}

fn answer(store: &Mutex<Store>, size: usize, asked: &Asked) -> Said {
    let mut store = store.lock().unwrap();
    match asked.method.as_str() {
        "POST" => {
            store.created += 1;
            store.bytes.clear();
            say(
                201,
                json!({"id": "upl_1", "offset": 0, "size": size, "state": "uploading"}),
            )
        }
        "GET" => say(
            200,
            json!({"id": "upl_1", "offset": store.bytes.len(), "size": size, "state": "uploading"}),
        ),
        "PATCH" => {
            if asked.header("upload-offset") != store.bytes.len().to_string() {
                return say(409, json!({"code": "sites.upload.offset", "detail": "another offset"}));
            }
            let accident = if store.accidents.is_empty() {
                Accident::None
            } else {
                store.accidents.remove(0)
            };
            match accident {
                Accident::Refused => return say(409, json!({"code": "tenancy.limit", "detail": "the disk is full"})),
                Accident::HalfThenAway => store.bytes.extend_from_slice(&asked.body[..asked.body.len() / 2]),
                Accident::None | Accident::AnswerLost => store.bytes.extend_from_slice(&asked.body),
            }
            match accident {
                Accident::None => say(204, "").with("upload-offset", store.bytes.len()),
                _ => say(503, "away"),
            }
        }
        _ => say(404, "{}"),
    }
}

struct Rig {
    folder: TempDir,
    file: File,
    bytes: Vec<u8>,
    store: Arc<Mutex<Store>>,
    fake: Fake,
}

impl Rig {
    async fn new(accidents: &[Accident]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..PIECE * 2 + 12_345).map(|at| (at % 251) as u8).collect();
        let path = folder.path().join("site.zip");
        fs::write(&path, &bytes).unwrap();
        let store = Arc::new(Mutex::new(Store {
            accidents: accidents.to_vec(),
            ..Store::default()
        }));
        let (held, size) = (store.clone(), bytes.len());
        let fake = Fake::start(move |asked| answer(&held, size, asked)).await;
        let file = File::open(path).unwrap();
        Self {
            folder,
            file,
            bytes,
            store,
            fake,
        }
    }

    fn upload<'a>(&'a self, api: &'a Api) -> Upload<'a> {
        let mut upload = Upload::new(api, "site_1", &self.file, "site.zip").unwrap();
        upload.journal = Journal(self.folder.path().join("uploads.json"));
        upload.first_pause = Duration::from_millis(1);
        upload
    }

    fn assert_complete(&self) {
        assert!(self.store.lock().unwrap().bytes == self.bytes, "the bytes differ");
    }
}

#[tokio::test]
async fn an_upload_survives_half_a_piece_and_a_lost_answer() {
    let rig = Rig::new(&[Accident::HalfThenAway, Accident::AnswerLost]).await;
    let api = rig.fake.api();
    assert_eq!(rig.upload(&api).run().await.unwrap(), "upl_1");
    rig.assert_complete();
    assert_eq!(rig.store.lock().unwrap().created, 1);
}

#[tokio::test]
async fn the_next_process_goes_on_where_one_ended() {
    let rig = Rig::new(&[Accident::None, Accident::Refused]).await;
    let api = rig.fake.api();
    // A conflict is asked about after a pause; the process is ended by its user in that.
    let refused = async {
        while !rig.store.lock().unwrap().accidents.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let mut interrupted = rig.upload(&api);
    interrupted.first_pause = Duration::from_secs(60);
    tokio::select! {
        ended = interrupted.run() => panic!("it ended by itself: {ended:?}"),
        () = refused => {}
    }
    let before = rig.fake.asked().len();

    let upload = rig.upload(&api);
    upload.run().await.unwrap();
    rig.assert_complete();
    let asked = rig.fake.asked();
    assert_eq!(asked[before].method.as_str(), "GET");
    assert_eq!(asked[before + 1].header("upload-offset"), PIECE.to_string());
    assert_eq!(rig.store.lock().unwrap().created, 1);

    // Released, it is forgotten: the same file deployed again is a new upload.
    upload.forget();
    upload.run().await.unwrap();
    assert_eq!(rig.store.lock().unwrap().created, 2);
}

#[test]
fn a_folder_is_packed_to_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    for (name, text) in [
        ("index.html", "<h1>hello</h1>"),
        ("css/a.css", "body {}"),
        (".well-known/security.txt", "Contact: x"),
        (".git/config", "secret"),
    ] {
        let file = site.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        File::create(file).unwrap().write_all(text.as_bytes()).unwrap();
    }
    let bytes = || {
        let mut packed = pack(&site).unwrap();
        assert_eq!((packed.files, packed.hidden), (3, 1));
        let mut bytes = Vec::new();
        packed.file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, packed.size);
        bytes
    };
    let first = bytes();
    assert_eq!(first, bytes());
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(first.as_slice()));
    let names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, [".well-known/security.txt", "css/a.css", "index.html"]);

    std::os::unix::fs::symlink("index.html", site.join("link.html")).unwrap();
    let failure = pack(&site).unwrap_err();
    assert_eq!(failure.exit_code(), 7);
    assert!(failure.to_string().contains("link.html"));
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert_eq!(pack(&folder.path().join("empty")).unwrap_err().exit_code(), 7);
}
