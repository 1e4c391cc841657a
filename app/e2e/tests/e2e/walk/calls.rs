//! How each operation is called so that it would succeed, and which permission it needs.

use std::collections::BTreeMap;

use mpanel_authz::Action::{self, Create, Delete, List, ManageAccess, Modify, Operate, Read};
use serde_json::{Value, json};

use super::estate::Estate;
use crate::harness::accounts::{PASSWORD, unique};

/// One operation's call.
pub struct Call {
    /// Resource and action; `None` for what everybody signed in may do.
    pub needs: Option<(&'static str, Action)>,
    pub body: Body,
}

pub enum Body {
    None,
    Json(fn(&Estate) -> Value),
    /// Content type, bytes and further headers.
    Raw(&'static str, &'static [u8], &'static [(&'static str, &'static str)]),
}

/// An authority that nobody ever reaches.
pub fn new_issuer() -> Value {
    json!({"name": format!("walk-{}", unique()), "directory_url": "https://acme.invalid/dir", "agree_terms": true})
}

pub fn table() -> BTreeMap<&'static str, Call> {
    let mut table = BTreeMap::new();
    let mut add = |id, needs, body| {
        table.insert(id, Call { needs, body });
    };
    let of = |resource, action| Some((resource, action));
    let (account, session, token) = ("identity.account", "identity.session", "identity.api_token");
    add("me_get", None, Body::None);
    // The same again is refused, and leaves those who are asked for in the next calls as they are.
    add(
        "password_change",
        of(account, Modify),
        Body::Json(|_| json!({"current_password": PASSWORD, "new_password": PASSWORD})),
    );
    add(
        "totp_start",
        of(account, Modify),
        Body::Json(|_| json!({"password": PASSWORD})),
    );
    add(
        "totp_confirm",
        of(account, Modify),
        Body::Json(|_| json!({"code": "000000"})),
    );
    add(
        "totp_disable",
        of(account, Modify),
        Body::Json(|_| json!({"password": PASSWORD})),
    );
    add(
        "email_change",
        of(account, Modify),
        Body::Json(|_| json!({"email": format!("walk{}@member.example", unique()), "password": PASSWORD})),
    );
    // Whether such a link was ever mailed is not looked at before who may.
    add(
        "email_confirm",
        of(account, Modify),
        Body::Json(|_| json!({"token": format!("email_{}", "A".repeat(43))})),
    );
    let invitation = "identity.invitation";
    add("invitations_list", of(invitation, List), Body::None);
    add("invitations_resend", of(invitation, ManageAccess), Body::None);
    add("invitations_revoke", of(invitation, Delete), Body::None);
    add("mail_test", of("identity.mail", Operate), Body::None);
    add("sessions_list", of(session, List), Body::None);
    add("sessions_end", of(session, Delete), Body::None);
    add("sessions_end_current", None, Body::None);
    add("sessions_end_all", of(session, Delete), Body::None);
    add(
        "sessions_step_up",
        of(account, Modify),
        Body::Json(|_| json!({"password": PASSWORD})),
    );
    add("sign_ins_list", of(account, Read), Body::None);
    add("people_end_sessions", of("identity.person", ManageAccess), Body::None);
    programs(&mut add);
    add("api_tokens_list", of(token, List), Body::None);
    add(
        "api_tokens_create",
        of(token, Create),
        Body::Json(|_| json!({"name": format!("walk {}", unique()), "scopes": ["sites.site:read"]})),
    );
    add("api_tokens_delete", of(token, Delete), Body::None);

    let (tenant, member, plan) = ("tenancy.tenant", "tenancy.member", "tenancy.plan");
    add("tenants_list", of(tenant, List), Body::None);
    add("tenants_get", of(tenant, Read), Body::None);
    add("tenants_usage", of(tenant, Read), Body::None);
    add(
        "tenants_create",
        of(tenant, Create),
        Body::Json(|_| json!({"kind": "customer", "name": format!("Walk {}", unique())})),
    );
    add(
        "tenants_update",
        of(tenant, Modify),
        Body::Json(|_| json!({"name": "Renamed"})),
    );
    add(
        "tenants_subscribe",
        of(tenant, ManageAccess),
        Body::Json(|estate| json!({"plan_id": estate.any_plan()})),
    );
    add(
        "tenants_move",
        of(tenant, ManageAccess),
        Body::Json(|estate| json!({"parent_id": estate.id("tenant_id"), "plan_id": estate.any_plan()})),
    );
    add("tenants_plans", of(plan, List), Body::None);
    // Its name would do it; nobody is taken over by their own wish.
    add("tenants_merge_preview", of(tenant, ManageAccess), Body::None);
    add(
        "tenants_merge",
        of(tenant, ManageAccess),
        Body::Json(|estate| json!({"into": estate.id("tenant_id"), "name": "Another", "tenants_below": 0})),
    );
    // Its name would do it; nobody ends themselves.
    add(
        "tenants_end",
        of(tenant, Delete),
        Body::Json(|_| json!({"name": "Another", "grace_days": 30, "tenants_below": 0})),
    );
    add("tenants_restore", of(tenant, Delete), Body::None);
    let export = "tenancy.export";
    add("exports_list", of(export, List), Body::None);
    // Whether another one is being made is not looked at before who may.
    add(
        "exports_create",
        of(export, Create),
        Body::Json(|_| json!({"tenants_below": false, "all_releases": false})),
    );
    add("exports_get", of(export, Read), Body::None);
    add("exports_download", of(export, Read), Body::None);
    add("exports_delete", of(export, Delete), Body::None);
    add("subtree_list", of("tenancy.subtree", List), Body::None);
    add("members_list", of(member, List), Body::None);
    add(
        "members_create",
        of(member, ManageAccess),
        Body::Json(|_| json!({"email": format!("walk{}@member.example", unique()), "name": "Walk", "role": "viewer"})),
    );
    add(
        "members_update",
        of(member, ManageAccess),
        Body::Json(|_| json!({"role": "viewer"})),
    );
    add("members_delete", of(member, Delete), Body::None);
    let (role, assumption) = ("tenancy.role", "tenancy.assumption");
    add("permissions_list", None, Body::None);
    add("roles_list", of(role, List), Body::None);
    add("roles_get", of(role, Read), Body::None);
    add(
        "roles_create",
        of(role, Create),
        Body::Json(|_| json!({"name": format!("Walk {}", unique()), "permissions": []})),
    );
    add(
        "roles_update",
        of(role, Modify),
        Body::Json(|_| json!({"description": "renamed"})),
    );
    add("roles_delete", of(role, Delete), Body::None);
    add("assumptions_list", of(assumption, List), Body::None);
    // For the acting tenant itself there is nothing to assume, which is said to whoever could.
    add(
        "assumptions_create",
        of(assumption, Create),
        Body::Json(|_| json!({"reason": "a walk", "minutes": 5})),
    );
    add("assumptions_agree", of(assumption, ManageAccess), Body::None);
    add("assumptions_end", of(assumption, Delete), Body::None);
    add("support_access_get", of(assumption, List), Body::None);
    add(
        "support_access_set",
        of(assumption, ManageAccess),
        Body::Json(|_| json!({"consent_required": false})),
    );
    add("selling_get", of(tenant, Read), Body::None);
    add(
        "selling_set",
        of(tenant, Modify),
        Body::Json(|_| json!({"page": null, "grace_days": null})),
    );
    add("plans_list", of(plan, List), Body::None);
    add("plans_get", of(plan, Read), Body::None);
    let new_plan = |_: &Estate| json!({"name": format!("walk {}", unique()), "entitlements": {"sites": 1}});
    add("plans_create", of(plan, Create), Body::Json(new_plan));
    add(
        "plans_create_version",
        of(plan, Modify),
        Body::Json(|_| json!({"entitlements": {"sites": 2}})),
    );
    add(
        "plans_update",
        of(plan, Modify),
        Body::Json(|_| json!({"name": format!("renamed {}", unique())})),
    );

    add("nodes_list", of("fleet.node", List), Body::None);
    add("nodes_get", of("fleet.node", Read), Body::None);
    add("certificates_list", of("certificates.certificate", List), Body::None);
    add("certificates_get", of("certificates.certificate", Read), Body::None);
    let issuer = "certificates.issuer";
    add("certificate_issuers_list", of(issuer, List), Body::None);
    add(
        "certificate_issuers_create",
        of(issuer, Create),
        Body::Json(|_| new_issuer()),
    );
    add("certificate_issuers_get", of(issuer, Read), Body::None);
    add("certificate_issuers_delete", of(issuer, Delete), Body::None);
    add("operations_list", of("spine.operation", List), Body::None);
    add("operations_get", of("spine.operation", Read), Body::None);
    add("operations_cancel", of("spine.operation", Operate), Body::None);
    background(&mut add);
    add("audit_list", of("spine.audit", List), Body::None);
    add("audit_get", of("spine.audit", Read), Body::None);
    add("audit_details", of("spine.audit_detail", Read), Body::None);
    add("audit_export", of("spine.audit", List), Body::None);
    add("audit_retention_get", of("spine.audit", Read), Body::None);
    add(
        "audit_retention_set",
        of("spine.audit", Modify),
        Body::Json(|_| json!({"days": 500})),
    );
    add("audit_erase", of("spine.audit", Delete), Body::None);
    add("events_stream", of("spine.event", List), Body::None);
    sites(&mut add);
    zones(&mut add);
    table
}

fn background(add: Add<'_>) {
    let of = |resource, action| Some((resource, action));
    let (job, stuck, reconciler) = ("spine.dead_job", "spine.stuck_object", "spine.reconciler");
    add("dead_jobs_list", of(job, List), Body::None);
    add("dead_jobs_get", of(job, Read), Body::None);
    add("dead_jobs_retry", of(job, Operate), Body::None);
    add("dead_jobs_discard", of(job, Delete), Body::None);
    add(
        "dead_jobs_retry_all",
        of(job, Operate),
        Body::Json(|_| json!({"kind": "walk.nothing"})),
    );
    let (event, consumer) = ("spine.dead_event", "spine.event_consumer");
    add("dead_events_list", of(event, List), Body::None);
    add("dead_events_retry", of(event, Operate), Body::None);
    add("dead_events_discard", of(event, Delete), Body::None);
    add(
        "dead_events_retry_all",
        of(event, Operate),
        Body::Json(|_| json!({"consumer": "tenancy.subtree"})),
    );
    add("event_consumers_list", of(consumer, List), Body::None);
    add("event_consumers_rebuild", of(consumer, Operate), Body::None);
    add("stuck_objects_list", of(stuck, List), Body::None);
    add("stuck_objects_retry", of(stuck, Operate), Body::Json(|_| json!({})));
    add("reconcilers_list", of(reconciler, List), Body::None);
    add("reconcilers_run", of(reconciler, Operate), Body::None);
}

type Add<'a> = &'a mut dyn FnMut(&'static str, Option<(&'static str, Action)>, Body);

fn programs(add: Add<'_>) {
    let of = |resource, action| Some((resource, action));
    let (account, realm) = ("identity.service_account", "identity.realm");
    add("service_accounts_list", of(account, List), Body::None);
    add("service_accounts_get", of(account, Read), Body::None);
    add(
        "service_accounts_create",
        of(account, Create),
        Body::Json(|_| json!({"name": format!("walk {}", unique()), "role": "viewer"})),
    );
    add(
        "service_accounts_update",
        of(account, Modify),
        Body::Json(|_| json!({"name": format!("renamed {}", unique()), "disabled": false})),
    );
    add("service_accounts_delete", of(account, Delete), Body::None);
    add("service_tokens_list", of(account, Read), Body::None);
    let new_token =
        |_: &Estate| json!({"name": "walk", "scopes": ["sites.site:read"], "allowed_networks": ["10.0.0.0/8"]});
    add(
        "service_tokens_create",
        of(account, ManageAccess),
        Body::Json(new_token),
    );
    add(
        "service_tokens_rotate",
        of(account, ManageAccess),
        Body::Json(|_| json!({"overlap_seconds": 60})),
    );
    add("service_tokens_delete", of(account, ManageAccess), Body::None);
    add("realms_list", of(realm, List), Body::None);
    add("realms_get", of(realm, Read), Body::None);
    let new_realm = |estate: &Estate| json!({"name": "Walk", "tenant_id": estate.id("tenant_id"), "hosts": []});
    add("realms_create", of(realm, Create), Body::Json(new_realm));
    add(
        "realms_update",
        of(realm, Modify),
        Body::Json(|_| json!({"name": "Renamed"})),
    );
}

fn sites(add: Add<'_>) {
    let of = |resource, action| Some((resource, action));
    let (site, domain, upload, release) = ("sites.site", "sites.domain", "sites.upload", "sites.release");
    add("sites_list", of(site, List), Body::None);
    add("sites_get", of(site, Read), Body::None);
    add("sites_traffic", of(site, Read), Body::None);
    add(
        "sites_create",
        of(site, Create),
        Body::Json(|_| json!({"name": format!("Walk {}", unique())})),
    );
    add(
        "sites_update",
        of(site, Modify),
        Body::Json(|_| json!({"name": "Renamed"})),
    );
    add("sites_delete", of(site, Delete), Body::None);
    add(
        "sites_purge",
        of(site, Operate),
        Body::Json(|_| json!({"everything": true})),
    );
    add("delivery_get", of(site, Read), Body::None);
    add(
        "delivery_set",
        of(site, Modify),
        Body::Json(|_| json!({"redirects": [{"from": "/old", "to": "/new"}]})),
    );
    add("domains_list", of(domain, List), Body::None);
    add(
        "domains_create",
        of(domain, Create),
        Body::Json(|_| json!({"name": format!("walk{}.example", unique()), "kind": "alias"})),
    );
    add("domains_delete", of(domain, Delete), Body::None);
    add(
        "uploads_create",
        of(upload, Create),
        Body::Json(|_| json!({"filename": "site.zip", "size": 100})),
    );
    add("uploads_get", of(upload, Read), Body::None);
    add(
        "uploads_append",
        of(upload, Modify),
        Body::Raw("application/octet-stream", b"PK", &[("upload-offset", "0")]),
    );
    add("uploads_delete", of(upload, Delete), Body::None);
    add("releases_list", of(release, List), Body::None);
    add("releases_get", of(release, Read), Body::None);
    add(
        "releases_create",
        of(release, Create),
        Body::Json(|estate| json!({"upload_id": estate.id("finished_upload"), "activate": false})),
    );
    add("releases_activate", of(release, Operate), Body::None);
    add("releases_delete", of(release, Delete), Body::None);
}

fn zones(add: Add<'_>) {
    let of = |resource, action| Some((resource, action));
    let (zone, record) = ("dns.zone", "dns.record");
    add("zones_list", of(zone, List), Body::None);
    add("zones_get", of(zone, Read), Body::None);
    add(
        "zones_create",
        of(zone, Create),
        Body::Json(|_| json!({"apex": format!("walk{}.example", unique())})),
    );
    add("zones_delete", of(zone, Delete), Body::None);
    add("records_list", of(record, List), Body::None);
    add(
        "records_create",
        of(record, Create),
        Body::Json(|_| json!({"name": format!("h{}", unique()), "type": "A", "ttl": 300, "data": "192.0.2.9"})),
    );
    add(
        "records_update",
        of(record, Modify),
        Body::Json(|_| json!({"data": "192.0.2.10"})),
    );
    add("records_delete", of(record, Delete), Body::None);
}
