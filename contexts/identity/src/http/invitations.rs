use axum::http::StatusCode;
use jiff::Timestamp;
use mpanel_authz::RoleRef;
use mpanel_http::{Cx, Ids, Json, ProblemDocument, Result};
use mpanel_kernel::ids::UserId;
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use crate::domain::Invitation;

/// Somebody who was invited and has not come yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::Invitation)]
pub struct InvitationDto {
    /// The account that waits for them; it goes when they join with one that they have.
    #[schema(value_type = String, example = "usr_01h2xcejqtf2nbrexx3vqjhp41")]
    user_id: UserId,
    email: String,
    name: String,
    /// `owner`, `admin`, `developer`, `viewer` or the id of a role that the tenant has defined.
    #[schema(value_type = String, example = "developer")]
    role: RoleRef,
    /// Whether a link went by mail, beside the one that was handed over.
    mailed: bool,
    expires_at: Timestamp,
    expired: bool,
}

impl From<Invitation> for InvitationDto {
    fn from(invitation: Invitation) -> Self {
        Self {
            user_id: invitation.user,
            email: invitation.email,
            name: invitation.name,
            role: invitation.role,
            mailed: invitation.mailed,
            expires_at: invitation.expires_at,
            expired: invitation.expired,
        }
    }
}

/// The newest 500.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::InvitationList)]
pub struct InvitationListDto {
    items: Vec<InvitationDto>,
    /// Always `null`.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// An invitation with new links; the earlier ones open nothing any more.
#[derive(Serialize, ToSchema)]
#[schema(as = identity::ResentInvitation)]
pub struct ResentInvitationDto {
    invitation: InvitationDto,
    /// Path and fragment of a link to hand over, on the panel; another one went by mail. Shown this once.
    #[schema(example = "/activate#activate_…")]
    url_path: String,
}

/// Lists who was invited to the acting tenant and has not come yet.
#[utoipa::path(get, path = "/invitations", operation_id = "invitations_list", tag = "identity",
    responses((status = 200, body = InvitationListDto), (status = 403, body = ProblemDocument)))]
pub async fn list(identity: State, Cx(cx): Cx) -> Result<Json<InvitationListDto>> {
    let invitations = identity.list_invitations(&cx).await?;
    Ok(Json(InvitationListDto {
        items: invitations.into_iter().map(Into::into).collect(),
        next_cursor: None,
    }))
}

/// Invites somebody again who has not come: for seven days more, by new links, of which one goes by mail.
#[utoipa::path(post, path = "/invitations/{invitation_id}/resend", operation_id = "invitations_resend", tag = "identity",
    params(("invitation_id" = String, Path, description = "the `user_id` of the account that waits")), extensions(("x-step-up" = json!(true))),
    responses((status = 200, body = ResentInvitationDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn resend(identity: State, Cx(cx): Cx, Ids(user): Ids<UserId>) -> Result<Json<ResentInvitationDto>> {
    let resent = identity.resend_invitation(&cx, user).await?;
    Ok(Json(ResentInvitationDto {
        invitation: resent.invitation.into(),
        url_path: format!("/activate#{}", resent.activation.token.reveal()),
    }))
}

/// Takes an invitation back: its links open nothing any more.
#[utoipa::path(delete, path = "/invitations/{invitation_id}", operation_id = "invitations_revoke", tag = "identity", extensions(("x-step-up" = json!(true))),
    params(("invitation_id" = String, Path, description = "the `user_id` of the account that waits")),
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn revoke(identity: State, Cx(cx): Cx, Ids(user): Ids<UserId>) -> Result<StatusCode> {
    identity.revoke_invitation(&cx, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
