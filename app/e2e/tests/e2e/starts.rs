//! Starting: without root, on a port that is taken, a second time, and after everything died.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;

use mpanel_process::account::{self, Account as User};
use serde_json::json;

use crate::harness::accounts::claim;
use crate::harness::{System, binaries, eventually, website};
use crate::main_job::api::dig;

#[tokio::test]
async fn an_ordinary_user_gets_the_main_job_done_and_is_told_that_nothing_is_isolated() {
    let mut system = System::prepare(&[]);
    if account::effective_uid() == 0 {
        system.run_as(
            User::by_name("nobody")
                .unwrap()
                .expect("every Debian has the user nobody"),
        );
    }
    system.up().await;
    assert!(
        system
            .output()
            .contains("Started without root: everything runs as one user"),
        "{}",
        system.output()
    );
    assert_eq!(system.api().get("/setup").await.expect(200).body["rootless"], true);
    let owner = claim(&system).await;
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    customer
        .api
        .post("/zones", json!({"apex": "rootless.example"}))
        .await
        .expect(201);
    let site = customer.site("www.rootless.example").await;
    customer.publish(&site, &website::zip(&website::manual())).await;
    let browser = system.browser(&["www.rootless.example"]).await;
    browser.shows("www.rootless.example", "/", "PostgreSQL").await;
    customer.publish(&site, &website::page("the second")).await;
    browser.shows("www.rootless.example", "/", "the second").await;
    eventually("DNS answers the site's address", async || {
        (dig(&system, "www.rootless.example", "A") == "127.0.0.1").then_some(())
    })
    .await;

    let output = Command::new(binaries::mpanel())
        .args(["selftest", "isolation", "--data"])
        .arg(system.data())
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("nothing separates them"), "{text}");

    // Its data folder stays its own.
    if account::effective_uid() == 0 {
        let before = system.output();
        system.kill_supervisor().await;
        system.run_as_owner();
        system.spawn();
        let (code, text) = system.ended().await;
        assert_eq!(code, Some(1), "{before}");
        assert!(
            text.contains("was set up by the user nobody: start as nobody"),
            "{text}"
        );
    }
}

/// A port that is certainly taken, over TCP and UDP.
fn taken() -> (SocketAddr, TcpListener, UdpSocket) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        // Another program may have the other one.
        if let Ok(udp) = UdpSocket::bind(address) {
            return (address, tcp, udp);
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_set_and_another_one_will_do() {
    let mut system = System::prepare(&[]);
    let (address, _tcp, _udp) = taken();
    for (option, variable) in [
        ("--panel", "MPANEL_PANEL"),
        ("--edge-http", "MPANEL_EDGE_HTTP"),
        ("--edge-https", "MPANEL_EDGE_HTTPS"),
        ("--dns", "MPANEL_DNS"),
    ] {
        system.option(option, &address.to_string());
        system.spawn();
        let (code, output) = system.ended().await;
        assert_eq!(code, Some(1), "{output}");
        let holder = format!("pid {}", std::process::id());
        for part in [&address.to_string(), "is taken", option, variable, &holder] {
            assert!(output.contains(part), "{option}: no {part} in: {output}");
        }
        system.option(option, "127.0.0.1:0");
    }
    system.up().await;
    system.api().get("/setup").await.expect(200);
}

#[tokio::test]
async fn a_second_start_on_the_same_data_is_refused_and_harms_nothing() {
    let mut system = System::start().await;
    let owner = claim(&system).await;
    let data = system.data();
    let other = Command::new(binaries::mpanel())
        .args(["up", "--panel", "127.0.0.1:0", "--edge-http", "127.0.0.1:0"])
        .args(["--edge-https", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--data"])
        .arg(&data)
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&other.stderr).into_owned();
    assert_eq!(other.status.code(), Some(1), "{text}");
    assert!(
        text.contains("already running") && text.contains("--data or MPANEL_DATA"),
        "{text}"
    );
    owner.api.get("/me").await.expect(200);
    // Where it was refused, it left nothing that keeps the first one from starting again.
    system.kill_supervisor().await;
    system.up().await;
    owner.api.get("/me").await.expect(200);
}

#[tokio::test]
async fn after_everything_was_killed_at_once_it_starts_with_what_was_under_way() {
    let mut system = System::start().await;
    let owner = claim(&system).await;
    let site = owner.site("www.outage.example").await;
    owner.publish(&site, &website::page("before the outage")).await;
    let authority = system.authority().await;
    let hold = system.hold("sites.release.deploy,account,before");
    let (operation, release) = owner
        .release(&site, "site.zip", &website::page("after the outage"))
        .await;
    hold.reached().await;
    system.power_cut().await;
    hold.go_on();
    // What is left of PostgreSQL says that it runs, as a process that is now another program's.
    let file = system.data().join("postgres/postmaster.pid");
    let text = std::fs::read_to_string(&file).expect("a killed PostgreSQL leaves its file");
    let rest = text.split_once('\n').unwrap().1;
    std::fs::write(&file, format!("{}\n{rest}", std::process::id())).unwrap();

    system.up().await;
    let mut owner = owner;
    owner.api = system.api().with(owner.api.credential.clone());
    owner.succeeded(&operation).await;
    let shown = owner.api.get(&format!("/sites/{site}")).await.expect(200);
    assert_eq!(shown.text("/active_release_id"), release);
    let browser = system.browser_trusting(&authority, &["www.outage.example"]);
    browser.shows("www.outage.example", "/", "after the outage").await;
    assert!(system.output().contains("is ready: http"));
}

#[tokio::test]
async fn each_start_renews_the_claim_until_somebody_has_claimed() {
    let mut system = System::start().await;
    let first = system.claim_token().await;
    let serve = system.kill("serve").await;
    system.wait_restarted("serve", serve).await;
    let second = eventually("there is another claim token", async || {
        let token = system.claim_token().await;
        (token != first).then_some(token)
    })
    .await;
    let api = system.api();
    let body = |token: &str| json!({"token": token, "email": "olga@provider.example", "name": "Olga", "password": crate::harness::accounts::PASSWORD});
    let ready = async || {
        let answer = api.request("GET", "/setup").send_unchecked().await.ok()?;
        (answer.status == 200).then_some(())
    };
    eventually("the panel is back", ready).await;
    let old = api.post("/claim", body(&first)).await.expect(410);
    assert_eq!(old.text("/code"), "identity.claim.gone");
    api.post("/claim", body(&second)).await.expect(201);
    api.post("/claim", body(&second)).await.expect(410);
    // Nobody is offered it again.
    system.kill_supervisor().await;
    system.up().await;
    let serve = system.kill("serve").await;
    system.wait_restarted("serve", serve).await;
    eventually("the panel is back", ready).await;
    assert!(!system.data().join("run/claim").exists());
    api.post("/claim", body(&second)).await.expect(410);
}

#[tokio::test]
async fn the_supervisor_logs_as_the_other_processes_do() {
    let mut system = System::prepare(&[("MPANEL_LOG_FORMAT", "json"), ("MPANEL_LOG_FILTER", "debug")]);
    system.up().await;
    let output = system.output();
    let lines: Vec<serde_json::Value> = output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert!(!lines.is_empty(), "{output}");
    assert!(
        !output
            .lines()
            .any(|line| line.contains(" INFO ") || line.contains(" DEBUG ")),
        "{output}"
    );
}
