//! Whatever happens in between, a data plane serves in the end what the tables say.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::server::{consumer, serve};
use super::support::Fixture;

const KEYS: u32 = 25;

/// One to four objects, each with a new value, now and then a large one, or gone.
fn changes(rng: &mut StdRng, generation: i64) -> Vec<(String, i64, Option<String>)> {
    (0..rng.random_range(1..5))
        .map(|_| {
            let key = format!("host {}", rng.random_range(0..KEYS));
            let length = if rng.random_ratio(1, 8) { 300_000 } else { 10 };
            let value = format!("{generation} {}", "x".repeat(rng.random_range(0..length)));
            (key, generation, rng.random_ratio(3, 4).then_some(value))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_is_cut_off_at_random_serves_in_the_end_what_the_tables_say() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    let (mut server, mut follower) = (None, None);
    for step in 1..=250 {
        match rng.random_range(0..100) {
            0..70 => {
                let changes = changes(&mut rng, step);
                let rows: Vec<_> = changes.iter().map(|(k, g, v)| (k.as_str(), *g, v.as_deref())).collect();
                fixture.publish(&rows).await;
                for (key, _, value) in changes {
                    match value {
                        Some(value) => expected.insert(key, value),
                        None => expected.remove(&key),
                    };
                }
            }
            70..78 if follower.is_none() => follower = Some(consumer(folder.path())),
            70..78 => follower = None,
            78..84 if server.is_none() => server = Some(serve(&fixture, folder.path()).await),
            78..84 => server = None,
            84..92 => fixture.settle().await,
            92..95 => {
                fixture.settle().await;
                let last = fixture.count("select last_seq from spine.feed_meta").await;
                let mut tx = fixture.db().spine().await.unwrap();
                crate::leader::prune(&mut tx, rng.random_range(0..=last)).await.unwrap();
                tx.commit().await.unwrap();
            }
            95..97 => {
                fixture.new_epoch().await;
            }
            _ => tokio::time::sleep(std::time::Duration::from_millis(rng.random_range(0..60))).await,
        }
    }
    let _server = match server {
        Some(server) => server,
        None => serve(&fixture, folder.path()).await,
    };
    let (served, _follower) = follower.unwrap_or_else(|| consumer(folder.path()));
    let expected: Vec<_> = expected.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    served.serves(&expected).await;
}
