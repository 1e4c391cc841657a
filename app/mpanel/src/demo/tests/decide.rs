use std::collections::HashSet;

use serde_json::{Value, json};

use crate::demo::decide::{Step, find, missing_records, next_release};
use crate::demo::world::{self, Plan, Record, Zone};

fn releases(states: &[(&str, &str)]) -> Value {
    let items: Vec<_> = states
        .iter()
        .map(|(note, state)| json!({"id": format!("rel_{note}"), "note": note, "state": state}))
        .collect();
    json!({"items": items, "next_cursor": null})
}

#[test]
fn releases_are_made_in_order_and_then_left_alone() {
    let wanted = ["one", "two"];
    assert_eq!(next_release(&releases(&[]), &wanted), Step::Deploy(0));
    assert_eq!(next_release(&releases(&[("one", "unpacking")]), &wanted), Step::Wait);
    assert_eq!(next_release(&releases(&[("one", "active")]), &wanted), Step::Deploy(1));
    assert_eq!(
        next_release(&releases(&[("two", "active"), ("one", "ready")]), &wanted),
        Step::Done
    );
}

#[test]
fn a_seed_that_ended_early_is_continued() {
    let wanted = ["one", "two"];
    assert_eq!(
        next_release(&releases(&[("one", "failed")]), &wanted),
        Step::Deploy(0),
        "failed"
    );
    assert_eq!(
        next_release(&releases(&[("one", "failed"), ("one", "active")]), &wanted),
        Step::Deploy(1)
    );
    assert_eq!(
        next_release(&releases(&[("one", "active"), ("two", "unpacking")]), &wanted),
        Step::Wait
    );
    let ready = releases(&[("two", "ready"), ("one", "active")]);
    assert_eq!(next_release(&ready, &wanted), Step::Activate("rel_two".to_owned()));
}

#[test]
fn things_are_found_by_name_in_any_case() {
    let list = json!({"items": [{"id": "a", "slug": "bakery"}]});
    assert!(find(&list, "slug", "Bakery").is_some());
    assert!(find(&list, "slug", "studio").is_none());
    assert!(find(&json!({}), "slug", "bakery").is_none());
}

#[test]
fn records_are_compared_by_meaning() {
    let zone = Zone {
        apex: "a.example",
        records: &[
            Record {
                name: "@",
                rtype: "MX",
                data: "10 mail.a.example.",
            },
            Record {
                name: "@",
                rtype: "TXT",
                data: "\"v=spf1 -all\"",
            },
            Record {
                name: "www",
                rtype: "CNAME",
                data: "a.example.",
            },
        ],
    };
    let there = json!({"items": [
        {"name": "a.example", "type": "MX", "data": "10 mail.a.example"},
        {"name": "A.example", "type": "TXT", "data": "v=spf1 -all"},
    ]});
    assert_eq!(missing_records(&there, &zone), [&zone.records[2]]);
    assert_eq!(missing_records(&json!({"items": []}), &zone).len(), 3);
}

#[test]
fn the_world_fits_together() {
    let tenants = world::tenants();
    let mut names = HashSet::new();
    for (tenant, sold) in world::TENANTS
        .iter()
        .flat_map(|top| std::iter::once((top, world::PLANS)).chain(top.children.iter().map(|child| (child, top.sells))))
    {
        let plan = sold
            .iter()
            .find(|plan| plan.name == tenant.plan)
            .expect("somebody above sells the plan");
        assert!(tenant.sites.len() <= usize::try_from(plan.sites).unwrap());
        assert!(names.insert(tenant.slug), "{}", tenant.slug);
        assert!(tenant.owner.email.ends_with(".example"));
    }
    for reseller in tenants.iter().filter(|tenant| tenant.kind == "reseller") {
        let own: &Plan = world::PLANS.iter().find(|plan| plan.name == reseller.plan).unwrap();
        let promised: u32 = reseller
            .children
            .iter()
            .map(|child| {
                reseller
                    .sells
                    .iter()
                    .find(|plan| plan.name == child.plan)
                    .unwrap()
                    .disk_gb
            })
            .sum();
        assert!(promised <= own.disk_gb);
    }
    let sites: Vec<_> = tenants
        .iter()
        .flat_map(|tenant| tenant.sites)
        .map(|site| site.slug)
        .collect();
    assert_eq!(sites, ["bakery", "studio", "gallery", "handbook", "status"]);
}
