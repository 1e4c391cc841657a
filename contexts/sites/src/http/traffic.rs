use jiff::civil::Date;
use mpanel_http::{Cx, Ids, Json, ProblemDocument, Query, Result};
use mpanel_kernel::ids::SiteId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::{Day, Traffic};
use crate::service::SiteTraffic;

/// How many days are shown when nothing is said: a month's picture.
const DAYS: i32 = 31;

/// What a site's visitors have used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::TrafficAmount)]
pub struct AmountDto {
    requests: i64,
    /// Bytes that visitors sent, with the heads of their requests.
    bytes_in: i64,
    /// Bytes that visitors were sent, with the heads of the answers. These count towards `traffic_bytes_month`.
    bytes_out: i64,
    answers: AnswersDto,
}

/// Requests by how they were answered. What was counted before these figures were kept is in none of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::TrafficAnswers)]
pub struct AnswersDto {
    /// Status 1xx: the connection became another protocol's.
    informational: i64,
    /// Status 2xx.
    success: i64,
    /// Status 3xx: elsewhere, or unchanged since the visitor's copy.
    redirect: i64,
    /// Status 4xx: nothing is there, or the request was refused.
    client_error: i64,
    /// Status 5xx.
    server_error: i64,
}

impl From<Traffic> for AmountDto {
    fn from(traffic: Traffic) -> Self {
        let [informational, success, redirect, client_error, server_error] = traffic.answers;
        Self {
            requests: traffic.requests,
            bytes_in: traffic.bytes_in,
            bytes_out: traffic.bytes_out,
            answers: AnswersDto {
                informational,
                success,
                redirect,
                client_error,
                server_error,
            },
        }
    }
}

/// A month's traffic until now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::TrafficMonth)]
pub struct MonthDto {
    /// Its first day, in UTC.
    #[schema(value_type = String, format = Date, example = "2026-11-01")]
    begins_on: Date,
    #[serde(flatten)]
    amount: AmountDto,
}

/// One day's traffic.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::TrafficDay)]
pub struct DayDto {
    /// In UTC.
    #[schema(value_type = String, format = Date, example = "2026-11-23")]
    day: Date,
    #[serde(flatten)]
    amount: AmountDto,
}

impl From<Day> for DayDto {
    fn from(day: Day) -> Self {
        Self {
            day: day.day,
            amount: day.traffic.into(),
        }
    }
}

/// Traffic of a site, as the edges have reported it: a few seconds old at most while they are connected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = sites::Traffic)]
pub struct TrafficDto {
    this_month: MonthDto,
    /// Each day, today the last.
    days: Vec<DayDto>,
}

impl From<SiteTraffic> for TrafficDto {
    fn from(traffic: SiteTraffic) -> Self {
        Self {
            this_month: MonthDto {
                begins_on: traffic.month,
                amount: traffic.this_month.into(),
            },
            days: traffic.days.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct Window {
    days: Option<i32>,
}

/// Shows the traffic of a site in this month (UTC) and day by day.
#[utoipa::path(get, path = "/sites/{site_id}/traffic", operation_id = "sites_traffic", tag = "sites",
    params(
        ("site_id" = String, Path),
        ("days" = Option<i32>, Query, description = "how many days to list, today included: 1 to 400; 31 when absent"),
    ),
    responses((status = 200, body = TrafficDto), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn get(
    sites: State,
    Cx(cx): Cx,
    Ids(id): Ids<SiteId>,
    Query(window): Query<Window>,
) -> Result<Json<TrafficDto>> {
    let traffic = sites.site_traffic(&cx, id, window.days.unwrap_or(DAYS)).await?;
    Ok(Json(traffic.into()))
}
