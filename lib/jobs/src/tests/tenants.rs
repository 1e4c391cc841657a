use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;

use super::support::{Fixture, SINGLE, THREE};
use crate::{Error, OperationFilter, get, list, request_cancel};

#[tokio::test]
async fn another_tenants_operations_do_not_exist() {
    let fixture = Fixture::new().await;
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    let mut tx = fixture.db().tenant(TenantId::generate()).await.unwrap();
    assert!(matches!(get(&mut tx, id).await, Err(Error::NotFound)));
    assert!(matches!(request_cancel(&mut tx, id).await, Err(Error::NotFound)));
    let page = list(&mut tx, &OperationFilter::default(), PageRequest::default())
        .await
        .unwrap();
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn lists_are_newest_first_in_pages_and_by_filter() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(
            fixture
                .start(
                    if n == 2 { &THREE } else { &SINGLE },
                    fixture.tenant,
                    &format!("site_{n}"),
                )
                .await,
        );
    }
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let all = OperationFilter::default();
    let first = list(&mut tx, &all, PageRequest { limit: 3, after: None })
        .await
        .unwrap();
    let found: Vec<_> = first.items.iter().map(|operation| operation.id).collect();
    assert_eq!(found, [ids[4], ids[3], ids[2]]);
    assert_eq!(first.items[2].steps.len(), 3);
    let next = PageRequest::parse(Some(3), first.next_cursor.as_deref()).unwrap();
    let second = list(&mut tx, &all, next).await.unwrap();
    let found: Vec<_> = second.items.iter().map(|operation| operation.id).collect();
    assert_eq!((found, second.next_cursor), (vec![ids[1], ids[0]], None));
    let by = |filter| list_ids(filter, &fixture);
    assert_eq!(
        by(OperationFilter {
            subject: Some("site_1".into()),
            ..all.clone()
        })
        .await,
        [ids[1]]
    );
    assert_eq!(
        by(OperationFilter {
            kind: Some(THREE.name.into()),
            ..all.clone()
        })
        .await,
        [ids[2]]
    );
    assert_eq!(
        by(OperationFilter {
            unfinished: Some(true),
            ..all.clone()
        })
        .await
        .len(),
        5
    );
    assert!(
        by(OperationFilter {
            unfinished: Some(false),
            ..all
        })
        .await
        .is_empty()
    );
}

async fn list_ids(filter: OperationFilter, fixture: &Fixture) -> Vec<mpanel_kernel::ids::OperationId> {
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let page = list(&mut tx, &filter, PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|operation| operation.id).collect()
}
