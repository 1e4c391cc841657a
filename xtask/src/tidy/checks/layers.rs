//! Invariant 1: dependencies go down only.

use crate::tidy::Finding;
use crate::tidy::tree::{Tree, line_of};
use crate::workspace::Member;
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    Lib,
    Engine,
    Client,
    Contract,
    Context,
    App,
    Tool,
}

fn tier(path: &str) -> Tier {
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        ["lib", ..] => Tier::Lib,
        ["engines", ..] => Tier::Engine,
        ["clients", ..] => Tier::Client,
        ["contexts", _, "contract"] => Tier::Contract,
        ["contexts", ..] => Tier::Context,
        ["app", ..] => Tier::App,
        _ => Tier::Tool,
    }
}

/// What a contract may use: vocabulary, proofs of authority, keys and tokens, `TenantTx`, the event types.
const CONTRACT_MAY_USE: [&str; 5] = ["lib/kernel", "lib/authz", "lib/crypto", "lib/pg", "lib/events"];
/// What the privileged agent must do without.
const NOT_FOR_THE_AGENT: [&str; 4] = ["sqlx", "axum", "hyper", "reqwest"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in tree.members() {
        let manifest = format!("{}/Cargo.toml", member.path);
        for dependency in member.dependencies(true) {
            let Some(used) = tree.member(&dependency) else { continue };
            if let Some(problem) = problem(member, used) {
                let line = tree.text(&manifest).map_or(0, |text| line_of(text, &dependency));
                findings.push(Finding::new(&manifest, line, problem));
            }
        }
        findings.extend(reach(tree, member, &manifest));
    }
    findings
}

/// What is wrong with `member → used`, if anything.
fn problem(member: &Member, used: &Member) -> Option<String> {
    let (from, to) = (tier(&member.path), tier(&used.path));
    let (source, target) = (&member.path, &used.path);
    if target == "app/web" && source != "app/mpanel" {
        return Some(format!(
            "{source} must not depend on app/web: only app/mpanel does, so that a new UI relinks one crate"
        ));
    }
    let allowed = match from {
        Tier::Lib => to == Tier::Lib,
        Tier::Engine | Tier::Client => to == Tier::Lib,
        Tier::Contract => CONTRACT_MAY_USE.contains(&target.as_str()),
        Tier::Context => matches!(to, Tier::Lib | Tier::Engine | Tier::Client | Tier::Contract),
        Tier::App => to != Tier::Tool,
        Tier::Tool => source != "xtask" && matches!(to, Tier::Lib | Tier::Engine | Tier::Client),
    };
    if allowed {
        return None;
    }
    Some(match (from, to) {
        (Tier::Context, Tier::Context) => {
            format!("{source} must not depend on {target}: use a port of {target}/contract and let app/server wire it")
        }
        (Tier::Contract, _) => {
            format!(
                "{source} is a contract: it may use {} only, not {target}",
                CONTRACT_MAY_USE.join(", ")
            )
        }
        _ => format!(
            "{source} must not depend on {target}: dependencies go down (app, contexts, clients and engines, lib)"
        ),
    })
}

/// Rules about everything a crate reaches through the workspace.
fn reach(tree: &Tree, member: &Member, manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if tier(&member.path) == Tier::Engine {
        for via in reached(tree, member) {
            if via.path == "lib/pg" || via.dependencies(false).contains("sqlx") {
                findings.push(Finding::new(
                    manifest,
                    0,
                    format!(
                        "{} reaches PostgreSQL through {}: an engine works without a database",
                        member.path, via.path
                    ),
                ));
            }
        }
    }
    if member.path == "app/agent" {
        for via in reached(tree, member) {
            for name in NOT_FOR_THE_AGENT {
                if via.dependencies(false).contains(name) {
                    let text = format!(
                        "the agent runs as root and must not reach {name} (through {})",
                        via.path
                    );
                    findings.push(Finding::new(manifest, 0, text));
                }
            }
        }
    }
    findings
}

/// The crate itself and every crate of the workspace it is built with.
fn reached<'a>(tree: &'a Tree, member: &'a Member) -> Vec<&'a Member> {
    let (mut seen, mut queue, mut found) = (BTreeSet::new(), vec![member], Vec::new());
    while let Some(next) = queue.pop() {
        if !seen.insert(next.name.as_str()) {
            continue;
        }
        found.push(next);
        queue.extend(next.dependencies(false).iter().filter_map(|name| tree.member(name)));
    }
    found
}
