//! What the API can do, and what the command line makes of it.

use std::collections::BTreeSet;

use clap::{Command, CommandFactory};
use serde_json::Value;

use crate::Cli;

/// Operation and the command that calls it.
const VERBS: &[(&str, &str)] = &[
    ("operations_list", "operation list"),
    ("operations_get", "operation show"),
    ("operations_cancel", "operation cancel"),
    ("dead_jobs_list", "jobs dead list"),
    ("dead_jobs_get", "jobs dead show"),
    ("dead_jobs_retry", "jobs dead retry"),
    ("dead_jobs_retry_all", "jobs dead retry"),
    ("dead_jobs_discard", "jobs dead discard"),
    ("dead_events_list", "events dead list"),
    ("dead_events_retry", "events dead retry"),
    ("dead_events_retry_all", "events dead retry"),
    ("dead_events_discard", "events dead discard"),
    ("event_consumers_list", "events consumers"),
    ("event_consumers_rebuild", "events rebuild"),
    ("stuck_objects_list", "jobs stuck list"),
    ("stuck_objects_retry", "jobs stuck retry"),
    ("reconcilers_list", "jobs reconciler list"),
    ("reconcilers_run", "jobs reconciler run"),
    ("assumptions_create", "assume"),
    ("assumptions_list", "support list"),
    ("assumptions_agree", "support agree"),
    ("assumptions_end", "support end"),
    ("support_access_get", "support consent"),
    ("support_access_set", "support consent"),
    ("permissions_list", "role permissions"),
    ("roles_list", "role list"),
    ("roles_get", "role show"),
    ("roles_create", "role create"),
    ("roles_update", "role update"),
    ("roles_delete", "role delete"),
    ("subtree_list", "find"),
    ("tenants_move", "tenant move"),
    ("tenants_plans", "tenant move"),
    ("tenants_merge", "tenant merge"),
    ("tenants_merge_preview", "tenant merge"),
    ("selling_get", "tenant selling"),
    ("selling_set", "tenant selling"),
    ("tenants_end", "tenant end"),
    ("tenants_restore", "tenant restore"),
    ("audit_list", "audit list"),
    ("audit_get", "audit show"),
    ("audit_details", "audit show"),
    ("audit_export", "audit export"),
    ("audit_retention_get", "audit retention"),
    ("audit_retention_set", "audit retention"),
    ("audit_erase", "audit erase"),
    ("tenants_list", "tenant list"),
    ("tenants_create", "tenant create"),
    ("tenants_get", "tenant show"),
    ("tenants_update", "tenant rename"),
    ("tenants_update", "tenant suspend"),
    ("tenants_update", "tenant resume"),
    ("tenants_usage", "tenant usage"),
    ("tenants_subscribe", "tenant subscribe"),
    ("members_list", "tenant member list"),
    ("members_create", "tenant member add"),
    ("members_delete", "tenant member remove"),
    ("members_update", "tenant member role"),
    ("plans_list", "plan list"),
    ("plans_create", "plan create"),
    ("plans_get", "plan show"),
    ("plans_update", "plan rename"),
    ("plans_update", "plan archive"),
    ("plans_create_version", "plan version"),
    ("me_get", "me"),
    ("password_change", "password"),
    ("totp_start", "totp setup"),
    ("totp_confirm", "totp confirm"),
    ("totp_disable", "totp disable"),
    ("sessions_list", "session list"),
    ("sessions_create", "login"),
    ("sessions_end_current", "login"),
    ("sessions_end", "session end"),
    ("sessions_end_all", "session end"),
    ("people_end_sessions", "session end"),
    ("sign_ins_list", "sign-ins"),
    ("service_accounts_list", "service-account list"),
    ("service_accounts_create", "service-account create"),
    ("service_accounts_get", "service-account show"),
    ("service_accounts_update", "service-account update"),
    ("service_accounts_delete", "service-account delete"),
    ("service_tokens_list", "service-account token list"),
    ("service_tokens_create", "service-account token create"),
    ("service_tokens_rotate", "service-account token rotate"),
    ("service_tokens_delete", "service-account token revoke"),
    ("realms_list", "realm list"),
    ("realms_create", "realm create"),
    ("realms_get", "realm show"),
    ("realms_update", "realm update"),
    ("api_tokens_list", "token list"),
    ("api_tokens_create", "token create"),
    ("api_tokens_delete", "token revoke"),
    ("email_change", "email change"),
    ("email_confirm", "email confirm"),
    ("invitations_list", "invitation list"),
    ("invitations_resend", "invitation resend"),
    ("invitations_revoke", "invitation revoke"),
    ("mail_test", "mail test"),
    ("password_resets_create", "password reset"),
    ("password_resets_accept", "password accept"),
    ("claims_create", "claim"),
    ("activations_create", "activate"),
    ("nodes_list", "node list"),
    ("nodes_get", "node show"),
    ("certificates_list", "certificate list"),
    ("certificates_get", "certificate show"),
    ("certificate_issuers_list", "issuer list"),
    ("certificate_issuers_create", "issuer add"),
    ("certificate_issuers_get", "issuer show"),
    ("certificate_issuers_delete", "issuer remove"),
    ("certificate_authority_get", "certificate authority"),
    ("zones_list", "zone list"),
    ("zones_create", "zone create"),
    ("zones_get", "zone show"),
    ("zones_delete", "zone delete"),
    ("records_list", "record list"),
    ("records_create", "record add"),
    ("records_delete", "record delete"),
    ("records_update", "record update"),
    ("exports_list", "tenant exports list"),
    ("exports_create", "tenant export"),
    ("exports_get", "tenant exports show"),
    ("exports_download", "tenant exports download"),
    ("exports_delete", "tenant exports remove"),
    ("sites_list", "site list"),
    ("sites_create", "site create"),
    ("sites_get", "site show"),
    ("sites_update", "site update"),
    ("sites_delete", "site delete"),
    ("sites_traffic", "site traffic"),
    ("sites_purge", "site purge"),
    ("delivery_get", "site delivery"),
    ("delivery_set", "site delivery"),
    ("domains_list", "site domain list"),
    ("domains_create", "site domain add"),
    ("domains_delete", "site domain remove"),
    ("uploads_create", "site deploy"),
    ("uploads_append", "site deploy"),
    ("uploads_get", "site upload show"),
    ("uploads_delete", "site upload delete"),
    ("releases_list", "site releases"),
    ("releases_create", "site deploy"),
    ("releases_get", "site release show"),
    ("releases_delete", "site release delete"),
    ("releases_activate", "site release activate"),
];

/// Operations without a command, and why. This list only gets shorter.
const EXCUSED: &[(&str, &str)] = &[
    (
        "events_stream",
        "tells pages what to load again; commands that wait ask for what they wait for",
    ),
    (
        "sessions_step_up",
        "commands have no session that lasts: `login` signs in afresh, and its token has its scopes",
    ),
    (
        "setup_get",
        "lets the panel choose its first page; `claim` says by itself when there is an owner",
    ),
];
const EXCUSED_AT_MOST: usize = 3;

fn find<'a>(root: &'a Command, verb: &str) -> Option<&'a Command> {
    verb.split(' ')
        .try_fold(root, |command, word| command.find_subcommand(word))
}

#[test]
fn every_operation_of_the_api_has_a_command() {
    let document: Value = serde_json::from_str(include_str!("../../../../../web/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations: BTreeSet<&str> = paths
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    assert!(operations.len() > 50, "the document was not read");
    let with_verb: BTreeSet<&str> = VERBS.iter().map(|(operation, _)| *operation).collect();
    let excused: BTreeSet<&str> = EXCUSED.iter().map(|(operation, _)| *operation).collect();
    let known: BTreeSet<&str> = with_verb.union(&excused).copied().collect();
    let missing: Vec<_> = operations.difference(&known).collect();
    assert!(missing.is_empty(), "no command calls {missing:?}");
    let gone: Vec<_> = known.difference(&operations).collect();
    assert!(gone.is_empty(), "the API has no {gone:?} any more");
    assert!(with_verb.is_disjoint(&excused), "what has a command needs no excuse");
    assert!(EXCUSED.len() <= EXCUSED_AT_MOST, "write the command instead");

    let root = Cli::command();
    for (operation, verb) in VERBS {
        let command = find(&root, verb).unwrap_or_else(|| panic!("{operation}: there is no `mpanel {verb}`"));
        // `mpanel password` changes it, and has more below.
        assert!(
            !command.is_subcommand_required_set(),
            "{operation}: `mpanel {verb}` is a group"
        );
    }
}

/// Commands that answer with no JSON document, and why.
const NO_JSON: &[(&str, &str)] = &[
    ("up", "runs until it is stopped; its log is JSON when that is set"),
    ("serve", "a process of `up`"),
    ("edge", "a process of `up`, or a server of its own"),
    ("dns", "a process of `up`, or a server of its own"),
    ("demo", "makes example customers, and tells of it"),
    ("openapi", "prints JSON and nothing else"),
    ("completion", "prints a shell's script"),
    ("manual", "writes pages for `man`, when the package is made"),
];

#[test]
fn every_command_that_answers_can_do_so_in_json() {
    let mut root = Cli::command();
    // Options that hold for all subcommands reach them when the tree is built.
    root.build();
    let mut without = Vec::new();
    for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
        let excused = NO_JSON.iter().any(|(name, _)| *name == command.get_name());
        let mut found = Vec::new();
        leaves_without_json(command, command.get_name(), &mut found);
        match excused {
            true => assert!(!found.is_empty(), "{} needs no excuse any more", command.get_name()),
            false => without.extend(found),
        }
    }
    assert!(without.is_empty(), "no --json: {without:?}");
}

fn leaves_without_json(command: &Command, path: &str, found: &mut Vec<String>) {
    let below: Vec<&Command> = command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .collect();
    if below.is_empty()
        && !command
            .get_arguments()
            .any(|argument| argument.get_long() == Some("json"))
    {
        found.push(path.to_owned());
    }
    for below in below {
        leaves_without_json(below, &format!("{path} {}", below.get_name()), found);
    }
}
