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

/// Counts an attempt; codes are constants, so strangers make no series.
pub fn sign_in<T>(outcome: &Result<T, Error>) {
    let result = outcome.as_ref().map_or_else(|error| error.code(), |_| "ok");
    SIGN_INS.get_or_create(&[("result", result)]).inc();
}
