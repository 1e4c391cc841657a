use std::sync::LazyLock;

use mpanel_kernel::error::PublicError as _;
use mpanel_telemetry::metrics::{Counter, Family, register};

use crate::error::Error;

static SIGN_INS: LazyLock<Family<[(&'static str, &'static str); 1], Counter>> = LazyLock::new(|| {
    register(
        "identity_sign_ins",
        "Attempts to sign in, by what came of them: `ok` or the error's code",
        Family::default(),
    )
});

static STEP_UPS: LazyLock<Family<[(&'static str, &'static str); 1], Counter>> = LazyLock::new(|| {
    register(
        "identity_step_ups",
        "Fresh proofs within a session, by what came of them: `ok` or the error's code",
        Family::default(),
    )
});

static WRONG_NETWORK: LazyLock<Counter> = LazyLock::new(|| {
    register(
        "identity_tokens_wrong_network",
        "Requests with a good API token that may not be used from where they came",
        Counter::default(),
    )
});

/// Counts a fresh proof.
pub fn step_up<T>(outcome: &Result<T, Error>) {
    let result = outcome.as_ref().map_or_else(|error| error.code(), |_| "ok");
    STEP_UPS.get_or_create(&[("result", result)]).inc();
}

/// Counts a token used from elsewhere.
pub fn wrong_network() {
    WRONG_NETWORK.inc();
}

/// Counts an attempt; codes are constants, so strangers make no series.
pub fn sign_in<T>(outcome: &Result<T, Error>) {
    let result = outcome.as_ref().map_or_else(|error| error.code(), |_| "ok");
    SIGN_INS.get_or_create(&[("result", result)]).inc();
}

static RESETS: LazyLock<Family<[(&'static str, &'static str); 2], Counter>> = LazyLock::new(|| {
    register(
        "identity_password_resets",
        "Steps to a new password by mail, asked or accepted, by what came of them: `ok` or the error's code",
        Family::default(),
    )
});

/// Counts a step to a new password.
pub fn reset<T>(step: &'static str, outcome: &Result<T, Error>) {
    let result = outcome.as_ref().map_or_else(|error| error.code(), |_| "ok");
    RESETS.get_or_create(&[("step", step), ("result", result)]).inc();
}
