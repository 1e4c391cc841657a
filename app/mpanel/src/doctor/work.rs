//! How the work goes, by the figures that `serve` gives to its own machine: what is stuck, who does not follow, how old the
//! newest backup is.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mpanel_config::{Config, MailTransport};
use mpanel_kernel::clock::{Clock as _, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::checks::Check;

const REQUEST: &[u8] = b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(5);
/// As much as is read of the figures.
const MOST: u64 = 16 * 1024 * 1024;
const DAY: f64 = 24.0 * 3600.0;
const OLD_BACKUP_DAYS: f64 = 7.0;

pub async fn all(data: &Path, config: &Config) -> Vec<Check> {
    let mut checks = match metrics(data).await {
        Some(text) => {
            let figures = Figures::read(&text);
            let mut checks = judge(&figures, SystemClock.now().as_second() as f64);
            checks.push(issuers(&figures, !config.hosts.is_empty()));
            checks
        }
        // That it does not answer is said elsewhere.
        None => Vec::new(),
    };
    checks.push(mail(config));
    checks
}

/// The figures in the Prometheus text format.
pub async fn metrics(data: &Path) -> Option<String> {
    let ask = async {
        let mut stream = UnixStream::connect(data.join("run/serve.sock")).await?;
        stream.write_all(REQUEST).await?;
        let mut text = String::new();
        stream.take(MOST).read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let text = tokio::time::timeout(PATIENCE, ask).await.ok()?.ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

/// Values by name and labels.
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// `name{labels} value`, a figure a line.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(
            lines
                .filter_map(|line| line.rsplit_once(' '))
                .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
                .collect(),
        )
    }

    /// The figures of a name, each with its labels.
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> + 'a {
        self.0.iter().filter_map(move |(key, value)| {
            let rest = key.strip_prefix(name)?;
            (rest.is_empty() || rest.starts_with('{')).then_some((rest, *value))
        })
    }

    fn sum(&self, name: &str) -> f64 {
        self.of(name).map(|(_, value)| value).sum()
    }
}

/// `now` in seconds since 1970.
pub fn judge(figures: &Figures, now: f64) -> Vec<Check> {
    let mut checks = vec![
        dead_jobs(figures),
        stuck_operations(figures),
        dead_events(figures),
        followers(figures),
    ];
    checks.extend(backup(figures, now));
    checks
}

fn dead_jobs(figures: &Figures) -> Check {
    let (id, title) = ("jobs.dead", "background work");
    match figures.sum("mpanel_jobs_dead") {
        0.0 => Check::ok(id, title, "nothing was given up"),
        dead => Check::warning(
            id,
            title,
            format!("{dead} jobs were given up"),
            "`mpanel jobs dead list` says why; then `mpanel jobs dead retry` or `discard`",
        ),
    }
}

fn stuck_operations(figures: &Figures) -> Check {
    let (id, title) = ("operations.stuck", "operations");
    let stuck = counted(figures, "mpanel_operations_stuck", "of");
    match stuck.is_empty() {
        true => Check::ok(id, title, "none is stuck"),
        false => Check::warning(
            id,
            title,
            format!("stuck, with what waits behind them on the same object: {stuck}"),
            "`mpanel jobs stuck list` says why; then `mpanel jobs stuck retry`",
        ),
    }
}

fn dead_events(figures: &Figures) -> Check {
    let (id, title) = ("events.dead", "events");
    let dead = counted(figures, "mpanel_consumer_dead_events", "by");
    match dead.is_empty() {
        true => Check::ok(id, title, "all were taken on"),
        false => Check::warning(
            id,
            title,
            format!("not taken on, and tried no more: {dead}"),
            "`mpanel events dead list` says why, and please report it; then `mpanel events dead retry` or `mpanel events rebuild`",
        ),
    }
}

fn followers(figures: &Figures) -> Check {
    let (id, title) = ("feed", "data planes");
    let newest = figures.sum("mpanel_feed_newest");
    let away: Vec<String> = figures
        .of("mpanel_feed_connected")
        .filter(|(_, connected)| *connected == 0.0)
        .map(|(labels, _)| label(labels))
        .collect();
    if !away.is_empty() {
        return Check::failure(
            id,
            title,
            format!("not connected: {}; they serve what they knew", away.join(", ")),
            "see their logs, and the network between the machines",
        );
    }
    let late: Vec<String> = figures
        .of("mpanel_feed_acknowledged")
        .filter(|(_, acknowledged)| newest - acknowledged > 1000.0)
        .map(|(labels, acknowledged)| format!("{} by {}", label(labels), newest - acknowledged))
        .collect();
    match late.is_empty() {
        true => Check::ok(id, title, "all serve what was last published"),
        false => Check::warning(
            id,
            title,
            format!("behind what was published: {}", late.join(", ")),
            "ask again in a minute; if it grows, see their logs",
        ),
    }
}

/// What there is of a figure, such as `2 of sites.release.deploy, 1 of dns.zone.sign`; empty when there is nothing.
fn counted(figures: &Figures, name: &str, word: &str) -> String {
    let some = figures.of(name).filter(|(_, count)| *count > 0.0);
    let each: Vec<String> = some
        .map(|(labels, count)| format!("{count} {word} {}", label(labels)))
        .collect();
    each.join(", ")
}

/// The first label's value: `{process="node/edge"}` → `node/edge`.
fn label(labels: &str) -> String {
    labels.split('"').nth(1).unwrap_or(labels).to_owned()
}

/// Older servers do not tell.
fn backup(figures: &Figures, now: f64) -> Option<Check> {
    let (id, title) = ("backup", "backup");
    let how =
        "name a folder by `backup.self.folder`, at best another machine's, or let a timer start `mpanel backup self`";
    let (_, at) = figures.of("mpanel_backup_last_timestamp_seconds").next()?;
    let failed_at = figures.of("mpanel_backup_failed_timestamp_seconds").next();
    let days = (now - at) / DAY;
    if failed_at.is_some_and(|(_, failed_at)| failed_at > at) {
        let newest = match at == 0.0 {
            true => "there is none".to_owned(),
            false => format!("the newest is {days:.1} days old"),
        };
        return Some(Check::warning(
            id,
            title,
            format!("the last one failed; {newest}"),
            "logs/backup.log in the data folder says why, and so does the audit log (recovery.backup.failed); it is tried every hour",
        ));
    }
    let missing = figures.sum("mpanel_backup_last_missing_releases");
    if missing > 0.0 {
        return Some(Check::warning(
            id,
            title,
            format!("the newest is {days:.1} days old and without {missing} releases that have lost their files"),
            "the audit log (recovery.backup.made) names them: `mpanel site release list SITE` shows what is left, and `mpanel site release delete SITE RELEASE` removes it",
        ));
    }
    Some(match at == 0.0 {
        true => Check::warning(id, title, "this installation was never backed up", how),
        false if days > OLD_BACKUP_DAYS => Check::warning(id, title, format!("the newest is {days:.0} days old"), how),
        false => Check::ok(id, title, format!("the newest is {days:.1} days old")),
    })
}

/// `public`: somebody has given the panel a name, so it is not being tried out.
pub fn issuers(figures: &Figures, public: bool) -> Check {
    let (id, title) = ("certificates.issuers", "public certificates");
    let ready = figures.sum("mpanel_certificate_issuers{state=\"ready\"}");
    let others = figures.sum("mpanel_certificate_issuers") - ready;
    match (ready > 0.0, others > 0.0) {
        (true, _) => Check::ok(id, title, "an authority is set up, and can be asked"),
        (false, true) => Check::warning(
            id,
            title,
            "no authority that is set up can be asked at the moment",
            "`mpanel issuer list` says why",
        ),
        // To try it out needs no public name.
        (false, false) if !public => Check::ok(id, title, "none are ordered, for trying mPanel out"),
        (false, false) => Check::warning(
            id,
            title,
            "none are ordered: browsers warn of every site",
            "read an authority's terms; then `mpanel issuer add letsencrypt --contact EMAIL --agree-terms`",
        ),
    }
}

fn mail(config: &Config) -> Check {
    let (id, title) = ("mail", "mail");
    match config.mail.transport {
        MailTransport::Smtp => Check::ok(id, title, "goes out by SMTP; `mpanel mail test` sends one"),
        // To try it out needs no mail.
        MailTransport::File if config.hosts.is_empty() => {
            Check::ok(id, title, "is kept in files, for trying mPanel out")
        }
        MailTransport::File => Check::warning(
            id,
            title,
            "reaches nobody: it is kept in files",
            "set `mail.transport = \"smtp\"` and what belongs to it",
        ),
    }
}

#[cfg(test)]
mod tests;
