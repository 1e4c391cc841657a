use std::net::IpAddr;

use mpanel_config::Config;
use mpanel_events::{Spine, State, current_states};
use mpanel_feed::topics::{EDGE_HOST, EdgeHost, EdgeTarget};
use mpanel_kernel::clock::Clock;
use mpanel_pg::Reason;

/// The names and addresses at which the panel is reached. One that listens on every address is announced at the
/// `outward` ones, and is this machine's there as well.
pub fn names(config: &Config, outward: &[IpAddr]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(config.hosts.iter().cloned());
    let listens = config.panel.ip();
    let at = if listens.is_unspecified() { outward } else { &[listens] };
    names.extend(at.iter().chain(&config.public_addresses).map(ToString::to_string));
    names.sort();
    names.dedup();
    names
}

/// Tells the edges which names are the panel's: these and no others. What is so already is left alone.
pub async fn publish(spine: &Spine, clock: &dyn Clock, names: &[String]) -> Result<(), mpanel_events::Error> {
    let panel = EdgeHost::from(EdgeTarget::Panel);
    let wanted = serde_json::to_value(&panel)?;
    let now = clock.now();
    let mut tx = spine.db().platform(Reason::Publish("server.panel_hosts")).await?;
    let current = current_states(&mut tx, EDGE_HOST).await?;
    for (name, generation, value) in &current {
        if *value == wanted && !names.contains(name) {
            let state = State::delete(EDGE_HOST, name.clone(), generation + 1);
            mpanel_events::publish(&mut tx, None, &state, now).await?;
        }
    }
    for name in names {
        let present = current.iter().find(|(key, _, _)| key == name);
        if present.is_none_or(|(_, _, value)| *value != wanted) {
            let generation = present.map_or(1, |(_, generation, _)| generation + 1);
            let state = State::upsert(EDGE_HOST, name.clone(), generation, &panel)?;
            mpanel_events::publish(&mut tx, None, &state, now).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests;
