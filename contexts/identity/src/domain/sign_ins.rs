use std::net::IpAddr;

use jiff::Timestamp;
use mpanel_kernel::ids::{TenantId, UserId};

use super::{Device, Presence};

mpanel_kernel::define_ids! {
    /// A line of the history of sign-ins.
    SignInId = "sgn",
}

/// For what somebody showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    SignIn,
    StepUp,
}

impl Proof {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::StepUp => "step_up",
        }
    }
}

/// Why a proof was refused, as its account is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    WrongPassword,
    /// The password was right, and no code came with it.
    CodeMissing,
    WrongCode,
}

impl Refusal {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong_password",
            Self::CodeMissing => "code_missing",
            Self::WrongCode => "wrong_code",
        }
    }
}

/// With what beside the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor {
    Totp,
    BackupCode,
}

impl SecondFactor {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
        }
    }
}

/// From where somebody came.
#[derive(Debug, Clone)]
pub struct Origin {
    pub address: Option<IpAddr>,
    pub host: String,
    pub user_agent: String,
}

impl From<&Presence> for Origin {
    fn from(who: &Presence) -> Self {
        Self {
            address: who.address,
            host: who.host.clone(),
            user_agent: who.short_user_agent(),
        }
    }
}

/// An attempt that was refused.
#[derive(Debug)]
pub struct Refused {
    /// The accounts that were meant, each with its home.
    pub accounts: Vec<(UserId, TenantId)>,
    pub proof: Proof,
    pub why: Refusal,
    pub from: Origin,
    pub at: Timestamp,
}

/// A line of the history, as its account sees it.
#[derive(Debug, Clone)]
pub struct SignInEntry {
    pub id: SignInId,
    /// [`Proof::as_str`].
    pub kind: String,
    /// `ok`, or [`Refusal::as_str`].
    pub result: String,
    /// [`SecondFactor::as_str`].
    pub factor: Option<String>,
    pub first_at: Timestamp,
    pub at: Timestamp,
    pub attempts: u32,
    pub address: Option<IpAddr>,
    pub host: String,
    pub device: Device,
}

/// What happened since the account's owner signed in before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinceLast {
    /// When that was; `None` at the first time.
    pub at: Option<Timestamp>,
    /// Attempts since then that were refused.
    pub refused: u64,
}
