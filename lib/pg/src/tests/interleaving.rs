//! Tenants in any order on one connection: each sees exactly what it committed.

use std::collections::{BTreeMap, BTreeSet};

use mpanel_kernel::ids::TenantId;
use proptest::prelude::*;

use super::{db, insert, seen};
use crate::{Db, Reason};

#[derive(Debug, Clone, Copy)]
enum Ending {
    Commit,
    RollBack,
    /// A statement fails, and then the transaction is dropped.
    Fail,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Tenant { tenant: usize, id: i64, ending: Ending },
    Platform,
    Spine,
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![Just(Ending::Commit), Just(Ending::RollBack), Just(Ending::Fail)];
    prop_oneof![
        6 => (0..4usize, 0..20i64, ending).prop_map(|(tenant, id, ending)| Step::Tenant { tenant, id, ending }),
        1 => Just(Step::Platform),
        1 => Just(Step::Spine),
    ]
}

type Model = BTreeMap<usize, BTreeSet<i64>>;

async fn take(db: &Db, tenants: &[TenantId], model: &mut Model, step: Step) {
    let everything = |model: &Model| {
        let mut all: Vec<i64> = model.values().flatten().copied().collect();
        all.sort_unstable();
        all
    };
    match step {
        Step::Platform => {
            let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
            assert_eq!(seen(&mut tx).await, everything(model));
            tx.commit().await.unwrap();
        }
        Step::Spine => {
            let mut tx = db.spine().await.unwrap();
            assert_eq!(seen(&mut tx).await, everything(model));
        }
        Step::Tenant { tenant, id, ending } => {
            let mut tx = db.tenant(tenants[tenant]).await.unwrap();
            let own = model.entry(tenant).or_default();
            assert_eq!(seen(&mut tx).await, own.iter().copied().collect::<Vec<_>>());
            if own.contains(&id) {
                assert!(insert(&mut tx, tenants[tenant], id).await.is_err());
                return;
            }
            insert(&mut tx, tenants[tenant], id).await.unwrap();
            match ending {
                Ending::Commit => {
                    tx.commit().await.unwrap();
                    own.insert(id);
                }
                Ending::RollBack => drop(tx),
                Ending::Fail => assert!(
                    insert(&mut tx, tenants[(tenant + 1) % tenants.len()], id)
                        .await
                        .is_err()
                ),
            }
        }
    }
}

#[test]
fn tenants_on_one_connection_never_see_each_other() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let db = runtime.block_on(db(1));
    let config = ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        runtime.block_on(async {
            // New tenants a case, and an empty table, on the same connection all the while.
            let tenants: Vec<TenantId> = (0..4).map(|_| TenantId::generate()).collect();
            let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
            sqlx::query("delete from things.things").execute(crate::Tx::conn(&mut tx)).await.unwrap();
            tx.commit().await.unwrap();
            let mut model = Model::new();
            for step in &steps {
                take(&db, &tenants, &mut model, *step).await;
            }
        });
    });
}
