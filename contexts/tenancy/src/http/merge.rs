use mpanel_authz::RoleRef;
use mpanel_http::{Cx, Ids, Json, ProblemDocument, Query, Result};
use mpanel_kernel::ids::{PlanId, RoleId, TenantId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::tenants::TenantDto;
use crate::domain::merge::{Becomes, MemberGoes, Merge, PlanGoes, RoleGoes};
use crate::service::{Merging, Outlook};

/// The people of a tenant go along unless somebody says otherwise.
const fn along() -> bool {
    true
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::Merge)]
pub struct MergeDto {
    /// The tenant that takes over: the acting one or one below it.
    #[schema(value_type = String, example = "tnt_01h2xcejqtf2nbrexx3vqjhp41")]
    into: TenantId,
    /// The name of the tenant that is taken over, as a sign that this one is meant.
    name: String,
    /// How many tenants stand below it and go along; absent, none.
    #[serde(default)]
    tenants_below: Option<u32>,
    /// Whether its people become members of the other tenant.
    #[serde(default = "along")]
    members: bool,
    /// Days in which what is left of it can be restored, with nobody below it; as the installation is set up when absent. Only
    /// the platform gives fewer.
    #[serde(default)]
    grace_days: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub struct OutlookQuery {
    into: Option<TenantId>,
    #[serde(default = "along")]
    members: bool,
}

/// A plan that somebody below is on; the other tenant gets one like it, with all its versions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::MergedPlan)]
pub struct MergedPlanDto {
    #[schema(value_type = String)]
    id: PlanId,
    name: String,
    /// What the copy is called: the same, or with a number behind it.
    becomes: String,
    archived: bool,
    /// How many are on it.
    subscribers: i64,
}

impl From<PlanGoes> for MergedPlanDto {
    fn from(plan: PlanGoes) -> Self {
        Self {
            id: plan.id,
            name: plan.name,
            becomes: plan.becomes,
            archived: plan.archived,
            subscribers: plan.subscribers,
        }
    }
}

/// A role that the tenant has defined and that somebody needs who goes along; the other tenant gets one like it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::MergedRole)]
pub struct MergedRoleDto {
    #[schema(value_type = String)]
    id: RoleId,
    name: String,
    /// What the copy is called: the same, or with a number behind it.
    becomes: String,
}

impl From<&RoleGoes> for MergedRoleDto {
    fn from(role: &RoleGoes) -> Self {
        Self {
            id: role.id,
            name: role.name.clone(),
            becomes: role.becomes.clone(),
        }
    }
}

mpanel_http::words!(
    /// What somebody becomes in the tenant that takes over.
    ArrivalWord as "tenancy.Arrival" = ["joins", "rises", "stays", "is_invited"]
);

/// A person of the tenant that is taken over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::MergedMember)]
pub struct MergedMemberDto {
    #[schema(value_type = String)]
    user_id: UserId,
    email: String,
    name: String,
    /// `joins` as a member; `rises` to more than what they are there; `stays` what they are there; `is_invited`, since they have
    /// not accepted the invitation that they have.
    #[schema(value_type = ArrivalWord)]
    arrival: &'static str,
    /// Their role there from then on, which may be one that goes along; `null` for who stays what they are.
    #[schema(required, value_type = Option<String>)]
    role: Option<RoleRef>,
    /// What a role is called that goes along.
    #[schema(required)]
    role_name: Option<String>,
}

/// What becomes of what, and what stands in the way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::MergePreview)]
pub struct MergePreviewDto {
    tenant: TenantDto,
    into: TenantDto,
    /// How many tenants stand directly below, and below the other one afterwards.
    children: i64,
    /// How many stand below at all, which has to be said.
    tenants_below: i64,
    plans: Vec<MergedPlanDto>,
    roles: Vec<MergedRoleDto>,
    members: Vec<MergedMemberDto>,
    /// Each keeps it from being done; none, and it can be.
    in_the_way: Vec<ObstacleDto>,
}

/// Something that keeps one tenant from taking over another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Obstacle)]
pub struct ObstacleDto {
    /// Where the request says it, as in a problem's errors; empty when it is about the tenant that is taken over.
    pointer: String,
    #[schema(example = "sites.site.own")]
    code: String,
    /// What it is, and what to do about it.
    message: String,
}

fn member(member: MemberGoes, roles: &[RoleGoes]) -> MergedMemberDto {
    let role = member.gets();
    let copy = roles.iter().find(|copy| role == Some(RoleRef::Custom(copy.copy)));
    MergedMemberDto {
        arrival: match member.becomes {
            Becomes::Joins(_) => "joins",
            Becomes::Rises(_) => "rises",
            Becomes::Stays => "stays",
            Becomes::IsInvited(_) => "is_invited",
        },
        // The copy's id is not known yet: it is told by the one that it is made of.
        role: copy.map(|copy| RoleRef::Custom(copy.id)).or(role),
        role_name: copy.map(|copy| copy.becomes.clone()),
        user_id: member.user,
        email: member.email.to_string(),
        name: member.name,
    }
}

impl From<Merge> for MergePreviewDto {
    fn from(merge: Merge) -> Self {
        let roles = merge.roles;
        Self {
            tenant: merge.from.into(),
            into: merge.into.into(),
            children: merge.children,
            tenants_below: merge.below,
            plans: merge.plans.into_iter().map(Into::into).collect(),
            members: merge.members.into_iter().map(|one| member(one, &roles)).collect(),
            roles: roles.iter().map(Into::into).collect(),
            in_the_way: merge
                .in_the_way
                .into_iter()
                .map(|obstacle| ObstacleDto {
                    pointer: obstacle.pointer.into_owned(),
                    code: obstacle.code.into_owned(),
                    message: obstacle.message,
                })
                .collect(),
        }
    }
}

/// Shows what merging a tenant into another one would do, and what stands in the way.
///
/// Nothing is changed. Both stand below the acting tenant, or the one that takes over is it.
#[utoipa::path(get, path = "/tenants/{tenant_id}/merge", operation_id = "tenants_merge_preview", tag = "tenancy",
    params(
        ("tenant_id" = String, Path),
        ("into" = String, Query, description = "the tenant that would take over"),
        ("members" = Option<bool>, Query, description = "whether its people would go along; they do when absent"),
    ),
    responses((status = 200, body = MergePreviewDto), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn preview(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<TenantId>,
    Query(query): Query<OutlookQuery>,
) -> Result<Json<MergePreviewDto>> {
    let wanted = Outlook {
        into: query.into,
        members: query.members,
    };
    Ok(Json(service.outlook(&cx, id, wanted).await?.into()))
}

/// Merges a tenant into another one, which takes it over: everybody below it, the plans that they are on, and its people.
///
/// Nobody's limits change, and what they use counts at the other tenant from now on, where it has to fit. What is left of the
/// tenant ends: until `ends_at` it can be restored, with nobody below it. It must have nothing of its own, such as sites, zones
/// or service accounts: those belong to it by more than a row.
#[utoipa::path(post, path = "/tenants/{tenant_id}/merge", operation_id = "tenants_merge", tag = "tenancy",
    extensions(("x-step-up" = json!(true)), ("x-rate-class" = json!("costly"))),
    params(("tenant_id" = String, Path)), request_body = MergeDto,
    responses((status = 200, body = TenantDto), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn merge(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<TenantId>,
    Json(body): Json<MergeDto>,
) -> Result<Json<TenantDto>> {
    let how = Merging {
        into: body.into,
        name: body.name,
        tenants_below: body.tenants_below.map(i64::from),
        members: body.members,
        grace_days: body.grace_days,
    };
    Ok(Json(service.merge_tenant(&cx, id, how).await?.into()))
}
