mod conversion;
mod process;
mod reports;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mpanel_crypto::{NodeKeyPair, seal_to};
use mpanel_feed::Mirror;
use mpanel_feed::frame::{Item, Position};
use mpanel_feed::topics::{EDGE_CERTIFICATE, EDGE_CERTIFICATE_HPKE_INFO, EDGE_HOST};
use serde_json::{Value, json};

const NODE: &str = "node_01h2xcejqtf2nbrexx3vqjhp41";
const HOST: &str = "www.example.test";

fn node_key(folder: &Path) -> NodeKeyPair {
    NodeKeyPair::load_or_create(&folder.join("node.key")).unwrap()
}

fn host(seq: i64, name: &str, value: Option<Value>) -> Item {
    Item {
        seq,
        topic: EDGE_HOST.into(),
        key: name.into(),
        generation: seq,
        value,
    }
}

fn site(root: &str) -> Value {
    json!({"target": {"kind": "site", "site": "site_1", "tenant": "tnt_1", "root": root, "https_redirect": false}})
}

/// A certificate for `HOST` whose key only `key`'s node opens, and its chain.
fn certificate(seq: i64, id: &str, key: &NodeKeyPair, node: &str) -> (Item, String) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let pem = made.signing_key.serialize_pem();
    let sealed = seal_to(&key.public(), EDGE_CERTIFICATE_HPKE_INFO, id.as_bytes(), pem.as_bytes()).unwrap();
    let value = json!({
        "names": [HOST],
        "chain_pem": made.cert.pem(),
        "sealed_key": {node: STANDARD.encode(sealed)},
        "not_after": "2126-01-01T00:00:00Z",
    });
    let item = Item {
        seq,
        topic: EDGE_CERTIFICATE.into(),
        key: id.into(),
        generation: seq,
        value: Some(value),
    };
    (item, made.cert.pem())
}

/// Leaves a copy on disk, as an earlier process would.
fn leave_snapshot(file: &Path, items: Vec<Item>) {
    let mut mirror = Mirror::default();
    mirror.replace(
        items,
        Position {
            epoch: "e1".into(),
            seq: 10,
        },
    );
    mirror.node = Some(NODE.into());
    mirror.save(file).unwrap();
}
