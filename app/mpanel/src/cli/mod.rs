//! The command-line client: everything the browser does, over the same API.

mod account;
mod activate;
pub mod api;
mod audit;
mod authority;
mod claim;
mod connection;
mod deploy;
mod events;
mod export;
pub mod failure;
mod find;
mod fleet;
mod issuer;
mod jobs;
mod login;
mod machine;
mod mail;
mod merge;
mod operation;
mod pack;
mod plan;
mod profiles;
pub mod prompt;
mod realm;
mod role;
mod search;
mod selling;
mod service_account;
mod site;
mod stores;
mod support;
mod tenant;
mod token;
mod totp;
mod tree;
mod trust;
mod upload;
mod view;
mod zone;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Subcommand;

use connection::{Cx, Global};
use failure::Failure;

/// The client's commands.
#[derive(Debug, Subcommand)]
pub enum Commands {
    /// Sign in to a panel and keep an API token
    Login(login::Login),
    /// Revoke this machine's token and forget it
    Logout(On<login::Logout>),
    /// Become the owner of a new installation
    Claim(claim::Claim),
    /// Follow an activation link: set your password, or join with the account you have
    Activate(activate::Activate),
    /// Customers and resellers
    Tenant(With<tenant::Command>),
    /// Whose domain is this? Finds sites, host names and zones of all tenants below
    Find(On<search::Find>),
    /// Say why you act for a tenant below yours
    Assume(On<support::Assume>),
    /// Who acts for a tenant from above, and whether they have to ask
    Support(With<support::Command>),
    /// Roles that you define
    Role(With<role::Command>),
    /// What can be sold
    Plan(With<plan::Command>),
    /// Websites and their releases
    Site(With<site::Command>),
    /// DNS zones
    Zone(With<zone::Zones>),
    /// Records of a DNS zone
    Record(With<zone::Records>),
    /// API tokens
    Token(With<token::Tokens>),
    /// Who is signed in where
    Session(With<token::Sessions>),
    /// Who signed in to your account, or tried to
    SignIns(On<token::SignIns>),
    /// Accounts for programs
    ServiceAccount(With<service_account::Command>),
    /// At which names whose people sign in
    Realm(With<realm::Command>),
    /// Who you are and for whom you can act
    Me(On<account::Me>),
    /// Change your password, or get a new one by mail
    Password(On<account::Password>),
    /// Your e-mail address
    Email(With<mail::Email>),
    /// People who were invited and have not come yet
    Invitation(With<mail::Invitation>),
    /// Whether mail goes out
    Mail(With<mail::Mail>),
    /// Your second factor
    Totp(With<totp::Command>),
    /// Who did what
    Audit(With<audit::Command>),
    /// What is going on
    Operation(With<operation::Command>),
    /// Background work that does not get on
    Jobs(With<jobs::Command>),
    /// Events that were not taken on, and what is kept in step with events
    Events(With<events::Command>),
    /// Machines and their processes
    Node(With<fleet::Nodes>),
    /// TLS certificates
    Certificate(With<fleet::Certificates>),
    /// Public certificate authorities
    Issuer(With<issuer::Command>),
    /// Make this machine and its browsers trust the panel's certificate authority
    Trust(trust::Trust),
    /// Look at the settings of this machine's installation
    Config(machine::Config),
    /// Print a completion script for a shell
    Completion(machine::Completion),
}

/// Subcommands that speak to a panel.
#[derive(Debug, clap::Args)]
pub struct With<C: Subcommand> {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: C,
}

/// A command that speaks to a panel.
#[derive(Debug, clap::Args)]
pub struct On<A: clap::Args> {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    args: A,
}

/// Runs a command. `root` is the whole command line, for completion.
pub fn run(command: Commands, root: &mut clap::Command) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return finish(Err(Failure::from(error)), false),
    };
    let json = command.wants_json();
    let result = runtime.block_on(command.run(root));
    // A name being looked up must not hold up the end.
    runtime.shutdown_background();
    finish(result, json)
}

fn finish(result: Result<(), Failure>, json: bool) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    view::say(&format!("mpanel: {}", clean_lines(&failure.to_string())));
    if failure.code() == "identity.totp.setup_required" {
        view::say(totp::NEXT);
    }
    if json
        && let Failure::Problem(problem) = &failure
        && let Some(document) = &problem.document
    {
        // Standard output is gone when this fails, and so is whoever would read of it.
        let _gone = view::print(&format!("{}\n", document.trim_end()));
    }
    ExitCode::from(failure.exit_code())
}

fn clean_lines(text: &str) -> String {
    text.lines().map(view::clean).collect::<Vec<_>>().join("\n")
}

impl Commands {
    fn wants_json(&self) -> bool {
        match self {
            Self::Login(login) => login.global.json,
            Self::Claim(claim) => claim.json,
            Self::Activate(activate) => activate.global.json,
            Self::Logout(on) => on.global.json,
            Self::Me(on) => on.global.json,
            Self::Password(on) => on.global.json,
            Self::Email(with) => with.global.json,
            Self::Invitation(with) => with.global.json,
            Self::Mail(with) => with.global.json,
            Self::Totp(with) => with.global.json,
            Self::Tenant(with) => with.global.json,
            Self::Find(on) => on.global.json,
            Self::Assume(on) => on.global.json,
            Self::Support(with) => with.global.json,
            Self::Role(with) => with.global.json,
            Self::Plan(with) => with.global.json,
            Self::Site(with) => with.global.json,
            Self::Zone(with) => with.global.json,
            Self::Record(with) => with.global.json,
            Self::Token(with) => with.global.json,
            Self::Session(with) => with.global.json,
            Self::SignIns(on) => on.global.json,
            Self::ServiceAccount(with) => with.global.json,
            Self::Realm(with) => with.global.json,
            Self::Audit(with) => with.global.json,
            Self::Operation(with) => with.global.json,
            Self::Jobs(with) => with.global.json,
            Self::Events(with) => with.global.json,
            Self::Node(with) => with.global.json,
            Self::Certificate(with) => with.global.json,
            Self::Issuer(with) => with.global.json,
            Self::Trust(trust) => trust.json,
            Self::Config(_) | Self::Completion(_) => false,
        }
    }

    async fn run(self, root: &mut clap::Command) -> Result<(), Failure> {
        match self {
            Self::Login(login) => login::login(login).await,
            Self::Logout(on) => login::logout(&on.global, &on.args).await,
            Self::Claim(claim) => claim::run(claim).await,
            Self::Activate(activate) => activate::run(activate).await,
            Self::Me(on) => account::run(&Cx::connect(&on.global).await?).await,
            Self::Password(On { global, args }) => match args.command {
                Some(command) => mail::password(&global, command).await,
                None => account::password(&Cx::connect(&global).await?, &args).await,
            },
            Self::Email(with) => mail::email(&Cx::connect(&with.global).await?, with.command).await,
            Self::Invitation(with) => mail::invitations(&Cx::connect(&with.global).await?, with.command).await,
            Self::Mail(with) => mail::mail(&Cx::connect(&with.global).await?, with.command).await,
            Self::Totp(with) => totp::run(&with.global, with.command).await,
            Self::Tenant(with) => tenant::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Find(on) => search::run(&Cx::connect(&on.global).await?, &on.args).await,
            Self::Assume(on) => support::assume(&on.global, &on.args).await,
            Self::Support(with) => support::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Role(with) => role::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Plan(with) => plan::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Site(with) => site::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Zone(with) => zone::zones(&Cx::connect(&with.global).await?, with.command).await,
            Self::Record(with) => zone::records(&Cx::connect(&with.global).await?, with.command).await,
            Self::Token(with) => token::tokens(&Cx::connect(&with.global).await?, with.command).await,
            Self::Session(with) => token::sessions(&Cx::connect(&with.global).await?, with.command).await,
            Self::SignIns(on) => token::sign_ins(&Cx::connect(&on.global).await?, &on.args).await,
            Self::ServiceAccount(with) => service_account::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Realm(with) => realm::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Audit(with) => audit::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Operation(with) => operation::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Jobs(with) => jobs::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Events(with) => events::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Node(with) => fleet::nodes(&Cx::connect(&with.global).await?, with.command).await,
            Self::Certificate(with) => fleet::certificates(&Cx::connect(&with.global).await?, with.command).await,
            Self::Issuer(with) => issuer::run(&Cx::connect(&with.global).await?, with.command).await,
            Self::Trust(trust) => trust::run(trust).await,
            Self::Config(config) => machine::config(&config),
            Self::Completion(completion) => machine::completion(&completion, root),
        }
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
