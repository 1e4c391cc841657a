use std::net::IpAddr;

use jiff::Timestamp;
use mpanel_http::{Cx, Json, Paging, ProblemDocument, Result};
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use super::sessions::DeviceDto;
use crate::domain::{SignInEntry, SignInId};

/// An attempt to show who one is, or several from one place within an hour that were refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::SignIn)]
pub struct SignInDto {
    #[schema(value_type = String, example = "sgn_01h2xcejqtf2nbrexx3vqjhp41")]
    id: SignInId,
    /// `sign_in`, or `step_up` for a fresh proof within a session.
    kind: String,
    /// `ok`, `wrong_password`, `code_missing` (the password was right) or `wrong_code`.
    result: String,
    /// The second factor that was shown: `totp`, `backup_code`, or `null` for none.
    #[schema(required)]
    second_factor: Option<String>,
    /// The first of them.
    first_at: Timestamp,
    /// The last of them.
    at: Timestamp,
    attempts: u32,
    /// `null` for a process of the server's own machine.
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    /// The name at which it came.
    host: String,
    device: DeviceDto,
}

impl From<SignInEntry> for SignInDto {
    fn from(entry: SignInEntry) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind,
            result: entry.result,
            second_factor: entry.factor,
            first_at: entry.first_at,
            at: entry.at,
            attempts: entry.attempts,
            address: entry.address,
            host: entry.host,
            device: entry.device.into(),
        }
    }
}

mpanel_http::list!(SignInList of SignInDto as identity::SignInList);

/// Lists who signed in to one's own account, or tried to, newest first. The last 100 of each outcome are kept for a time.
#[utoipa::path(get, path = "/me/sign-ins", operation_id = "sign_ins_list", tag = "identity",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = SignInList), (status = 401, body = ProblemDocument), (status = 403, body = ProblemDocument)))]
pub async fn list(identity: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<SignInList>> {
    Ok(Json(identity.list_sign_ins(&cx, page).await?.into()))
}
