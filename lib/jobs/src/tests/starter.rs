//! Steps act for whoever started their operation, and the audit log says so.

use std::sync::Arc;

use mpanel_authz::{Actor, Assumption, OpCx, OpCxParts, Role, TenantKind};
use mpanel_events::{AuditFilter, Record, list_audit};
use mpanel_kernel::ids::{ApiTokenId, AssumptionId, RequestId, TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use serde_json::{Value, json};

use super::support::{Fixture, SINGLE, Script, fail, server};
use crate::{OperationState, start};

#[tokio::test]
async fn what_a_step_does_is_on_record_as_done_for_whoever_started_the_operation() {
    let fixture = Fixture::new().await;
    let spine = fixture.spine.clone();
    let script = Script::new(&SINGLE, move |what, cx| {
        let spine = spine.clone();
        async move {
            let mut change = spine.begin(&cx.op_cx()).await?;
            change
                .record(Record::new("test.thing.touched.v1", &what, json!({})))
                .await?;
            change.commit().await?;
            if what.starts_with("run") {
                fail("no")
            } else {
                Ok(Value::Null)
            }
        }
    });
    let _server = server(fixture.operating([script]));
    let above = TenantId::generate();
    let token = ApiTokenId::generate();
    let assumption = Assumption {
        id: AssumptionId::generate(),
        reason: "the shop is down".into(),
    };
    let cx = OpCx::new(OpCxParts {
        actor: Actor::Token {
            token,
            user: UserId::generate(),
        },
        tenant: fixture.tenant,
        tenant_kind: TenantKind::Customer,
        role: Role::Owner.into(),
        scopes: None,
        assumed_from: Some(above),
        assumption: Some(assumption.clone()),
        request_id: RequestId::generate(),
        address: None,
        idempotency: None,
        clock: fixture.clock.clone(),
        permissions: Arc::default(),
    });
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let id = start(&mut tx, &cx, &SINGLE, "thing", &json!({})).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(fixture.ended(id).await.state, OperationState::Failed);

    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let all = AuditFilter::default();
    let entries = list_audit(&mut tx, &all, PageRequest::default()).await.unwrap().items;
    let steps: Vec<_> = entries
        .iter()
        .map(|entry| {
            assert_eq!((&entry.actor, entry.assumed_from), (&token.to_string(), Some(above)));
            assert_eq!(entry.request_id, cx.request_id());
            let by = entry.assumption.as_ref().unwrap();
            assert_eq!((by.id, by.reason.as_str()), (assumption.id, "the shop is down"));
            let via = entry.via.as_ref().unwrap();
            assert_eq!((via.operation, via.kind.as_str()), (id, "test.single"));
            (entry.subject.as_str(), via.step.as_str())
        })
        .collect();
    let expected = [
        ("finished failed", "finished"),
        ("undo only", "only"),
        ("run only", "only"),
    ];
    assert_eq!(steps, expected, "newest first");
}
