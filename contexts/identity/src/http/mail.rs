use mpanel_http::{Cx, Json, ProblemDocument, Result};
use serde::Serialize;
use utoipa::ToSchema;

use super::State;

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::MailTest)]
pub struct MailTestDto {
    /// `smtp` or `file`.
    transport: &'static str,
    /// One's own address.
    to: String,
    sent: bool,
    /// What the mail server said, or why there was none.
    answer: String,
}

/// Sends a mail to one's own address, to see whether the settings are right.
#[utoipa::path(post, path = "/mail/test", operation_id = "mail_test", tag = "identity",
    responses((status = 200, body = MailTestDto), (status = 403, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn test(identity: State, Cx(cx): Cx) -> Result<Json<MailTestDto>> {
    let test = identity.test_mail(&cx).await?;
    Ok(Json(MailTestDto {
        transport: test.transport,
        to: test.to,
        sent: test.sent,
        answer: test.answer,
    }))
}
