//! Debian's PHP-FPM behind the edge.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::rig::{Reply, Rig, connect, read_all, read_head};
use crate::{Php, Target};

/// A running PHP-FPM; ended when dropped.
pub(super) struct Fpm {
    process: Child,
    pub(super) socket: String,
}

impl Drop for Fpm {
    fn drop(&mut self) {
        // Ended by its own hand: its processes would outlive it otherwise.
        let process = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

fn program() -> std::path::PathBuf {
    let found = std::fs::read_dir("/usr/sbin")
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let is_fpm = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("php-fpm");
    found
        .into_iter()
        .find(is_fpm)
        .expect("no php-fpm: `make deps-test` installs it")
}

impl Fpm {
    pub(super) fn start(rig: &Rig, children: usize) -> Self {
        let folder = rig.folder.path();
        let socket = folder.join("fpm.sock");
        let _ = std::fs::remove_file(&socket);
        let config = folder.join("fpm.conf");
        let text = format!(
            "[global]\nerror_log = {0}/fpm.log\ndaemonize = no\n[www]\nlisten = {0}/fpm.sock\nlisten.backlog = 8\n\
             pm = static\npm.max_children = {children}\nphp_admin_value[upload_tmp_dir] = {0}\n\
             php_admin_value[post_max_size] = 128M\nphp_admin_value[upload_max_filesize] = 128M\n\
             php_admin_value[output_buffering] = 0\nphp_admin_value[error_log] = {0}/php.log\n",
            folder.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(program());
        command
            .args(["--nodaemonize", "--allow-to-run-as-root", "--fpm-config"])
            .arg(config);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "php-fpm does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            process,
            socket: format!("unix:{}", socket.display()),
        }
    }
}

/// `a.example` with a front controller that says what it was told.
fn rig(change: impl FnOnce(&mut Php)) -> (Rig, Fpm) {
    let rig = Rig::new();
    rig.write("a/index.php", ECHO);
    rig.write("a/style.css", "body{}");
    rig.write("a/upload.jpg", "<?php echo 'run'; ?>");
    let fpm = Fpm::start(&rig, 4);
    let mut php = Php::new("a", fpm.socket.clone());
    php.front_controller = Some("index.php".to_owned());
    change(&mut php);
    rig.host("a.example", Target::Php(php));
    (rig, fpm)
}

const ECHO: &str = "<?php header('Content-Type: text/plain'); ksort($_SERVER);
foreach ($_SERVER as $name => $value) { if (is_string($value)) { echo \"$name=$value\\n\"; } }
echo 'body=' . strlen(file_get_contents('php://input')) . \"\\n\";";

impl Reply {
    /// A line of what [`ECHO`] says.
    fn told(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        self.text()
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
    }
}

#[test]
fn a_program_is_told_what_cgi_programs_expect() {
    let (rig, _fpm) = rig(|_| {});
    let root = rig.sites().join("a").canonicalize().unwrap();
    let root = root.to_str().unwrap();
    let reply = rig.request(
        "GET",
        "a.example:8080",
        "/index.php/a%20b/?x=%2F&y",
        "X-Some: 1\r\nX-Some: 2\r\nCookie: a=1\r\n",
    );
    assert_eq!(reply.status, 200);
    for (name, value) in [
        ("SCRIPT_FILENAME", format!("{root}/index.php")),
        ("DOCUMENT_ROOT", root.to_owned()),
        ("SCRIPT_NAME", "/index.php".to_owned()),
        ("PATH_INFO", "/a b/".to_owned()),
        ("PATH_TRANSLATED", format!("{root}/a b/")),
        ("DOCUMENT_URI", "/index.php/a b/".to_owned()),
        ("PHP_SELF", "/index.php/a b/".to_owned()),
        ("REQUEST_URI", "/index.php/a%20b/?x=%2F&y".to_owned()),
        ("QUERY_STRING", "x=%2F&y".to_owned()),
        ("REQUEST_METHOD", "GET".to_owned()),
        ("REQUEST_SCHEME", "http".to_owned()),
        ("SERVER_PROTOCOL", "HTTP/1.1".to_owned()),
        ("SERVER_NAME", "a.example".to_owned()),
        ("SERVER_PORT", "8080".to_owned()),
        ("SERVER_ADDR", "127.0.0.1".to_owned()),
        ("REMOTE_ADDR", "127.0.0.1".to_owned()),
        ("GATEWAY_INTERFACE", "CGI/1.1".to_owned()),
        ("REDIRECT_STATUS", "200".to_owned()),
        ("HTTP_HOST", "a.example:8080".to_owned()),
        ("HTTP_X_SOME", "1, 2".to_owned()),
        ("HTTP_COOKIE", "a=1".to_owned()),
        ("body", "0".to_owned()),
    ] {
        assert_eq!(reply.told(name), Some(value), "{name}");
    }
    for absent in ["HTTPS", "CONTENT_LENGTH", "CONTENT_TYPE"] {
        assert!(reply.told(absent).is_none_or(|value| value.is_empty()), "{absent}");
    }
}

#[test]
fn a_program_over_tls_is_told_so() {
    let (rig, _fpm) = rig(|_| {});
    rig.certificate("a", &["a.example"]);
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    let reply = super::rig::ask_tls(rig.https(), "a.example", request);
    let told = ["HTTPS", "REQUEST_SCHEME", "SERVER_PORT"].map(|name| reply.told(name).unwrap());
    assert_eq!(told, ["on", "https", "443"]);
}

#[test]
fn files_are_sent_as_they_are_and_what_is_neither_goes_to_the_front_controller() {
    let (rig, _fpm) = rig(|_| {});
    rig.write("a/blog/index.php", "<?php echo 'blog';");
    rig.write("a/plain/index.html", "plain");
    let style = rig.get("a.example", "/style.css");
    assert_eq!(
        (style.text().as_str(), style.field("content-type")),
        ("body{}", Some("text/css; charset=utf-8"))
    );
    let pretty = rig.get("a.example", "/2026/a-post/?p=1");
    assert_eq!(pretty.told("SCRIPT_NAME").as_deref(), Some("/index.php"));
    assert_eq!(pretty.told("REQUEST_URI").as_deref(), Some("/2026/a-post/?p=1"));
    assert_eq!(pretty.told("PATH_INFO"), None);
    assert_eq!(rig.get("a.example", "/blog/").text(), "blog");
    assert_eq!(rig.get("a.example", "/plain/").text(), "plain");
    assert_eq!(rig.get("a.example", "/blog?x=1").field("location"), Some("/blog/?x=1"));
    // A program that was written just now is there at once.
    assert_eq!(
        rig.get("a.example", "/new.php").told("SCRIPT_NAME").as_deref(),
        Some("/index.php")
    );
    rig.write("a/new.php", "<?php echo 'new';");
    assert_eq!(rig.get("a.example", "/new.php").text(), "new");
}

#[test]
fn nothing_uploaded_is_run_because_of_how_it_is_asked_for() {
    let (rig, _fpm) = rig(|php| php.front_controller = None);
    rig.write("a/real.php", "<?php echo 'real', $_SERVER['PATH_INFO'] ?? '';");
    rig.write("a/evil.php.jpg", "<?php echo 'run';");
    std::fs::create_dir_all(rig.sites().join("secret")).unwrap();
    rig.write("secret/x.php", "<?php echo 'run';");
    std::os::unix::fs::symlink(rig.sites().join("secret/x.php"), rig.sites().join("a/link.php")).unwrap();
    std::os::unix::fs::symlink(rig.sites().join("secret"), rig.sites().join("a/linked")).unwrap();
    for path in [
        "/upload.jpg/x.php",
        "/upload.jpg/.php",
        "/upload.jpg%00.php",
        "/upload.jpg%2Fx.php",
        "/missing/x.php",
        "/link.php",
        "/linked/x.php",
        "/../secret/x.php",
        "/%2e%2e/secret/x.php",
        "/.php",
    ] {
        let reply = rig.get("a.example", path);
        assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.head);
        assert!(!reply.text().contains("run"), "{path}");
    }
    assert!(rig.get("a.example", "/evil.php.jpg").text().starts_with("<?php"));
    assert_eq!(rig.get("a.example", "/real.php/x.php").text(), "real/x.php");
}

#[test]
fn the_text_of_programs_is_never_shown() {
    let (rig, _fpm) = rig(|php| php.front_controller = None);
    for name in [
        "a.phtml",
        "a.php~",
        "a.php.bak",
        "a.PHP",
        "a.phar",
        "a.php5",
        ".user.ini",
        "a.phps",
    ] {
        rig.write(&format!("a/{name}"), "<?php $secret = 1;");
        let reply = rig.get("a.example", &format!("/{name}"));
        assert!(!reply.text().contains("secret"), "{name}: {}", reply.head);
    }
}

#[test]
fn no_field_of_a_client_becomes_a_setting_or_a_claim_that_is_believed() {
    let (rig, _fpm) = rig(|_| {});
    let lies = "Proxy: http://evil\r\nproxy: evil\r\nX_Forwarded_For: evil\r\nX-Forwarded-For: evil\r\nRemote_Addr: evil\r\n\
        X-Real-IP: evil\r\nX.Dot: evil\r\nScript_Filename: evil\r\nContent_Length: evil\r\nContent_Type: evil\r\n\
        Forwarded: for=evil\r\nConnection: evil\r\nTE: evil\r\n";
    let reply = rig.ask(format!(
        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{lies}Authorization: Basic eDp5\r\n\r\n"
    ));
    assert!(!reply.text().contains("evil"), "{}", reply.text());
    assert_eq!(reply.told("HTTP_AUTHORIZATION").as_deref(), Some("Basic eDp5"));
    // Ten thousand fields are too many for a head, for the edge and so for the program.
    let many: String = (0..10_000).map(|n| format!("X-{n}: x\r\n")).collect();
    assert_eq!(rig.request("GET", "a.example", "/", &many).status, 431);
}

#[test]
fn uploads_of_64_mib_arrive_whole_with_and_without_a_length() {
    const SIZE: usize = 64 * 1024 * 1024;
    let (rig, _fpm) = rig(|_| {});
    let mut stream = connect(rig.http());
    write!(
        stream,
        "POST /up HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: {SIZE}\r\n\r\n"
    )
    .unwrap();
    let block = vec![b'x'; 1024 * 1024];
    for _ in 0..64 {
        stream.write_all(&block).unwrap();
    }
    let reply = Reply::parse(&read_all(&mut stream));
    assert_eq!(reply.told("body"), Some(SIZE.to_string()));
    let mut stream = connect(rig.http());
    write!(
        stream,
        "POST /up HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .unwrap();
    for _ in 0..64 {
        write!(stream, "{:x}\r\n", block.len()).unwrap();
        stream.write_all(&block).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let reply = Reply::parse(&read_all(&mut stream));
    assert_eq!(reply.told("body"), Some(SIZE.to_string()));
    assert_eq!(reply.told("CONTENT_LENGTH"), Some(SIZE.to_string()));
    assert_eq!(rig.edge.shared.spooled.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn bodies_that_are_too_large_are_refused() {
    let (rig, _fpm) = rig(|php| php.max_body = 10);
    assert_eq!(
        rig.request("POST", "a.example", "/", "Content-Length: 11\r\n").status,
        413
    );
    let chunked =
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n";
    assert_eq!(rig.ask(chunked).status, 413);
    let fits = "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(rig.ask(fits).told("body").as_deref(), Some("5"));
}

#[test]
fn a_status_and_fields_of_a_program_are_the_answers() {
    let (rig, _fpm) = rig(|_| {});
    rig.write(
        "a/made.php",
        "<?php http_response_code(418); header('Set-Cookie: a=1'); header('Set-Cookie: b=2', false); header('X-Own: 1');
         header('Connection: close'); header('Content-Length: 3'); echo 'abcd';",
    );
    let reply = rig.get("a.example", "/made.php");
    assert_eq!(
        (reply.status, reply.field("x-own"), reply.text().as_str()),
        (418, Some("1"), "abc")
    );
    assert_eq!(reply.head.matches("set-cookie: ").count(), 2);
    rig.write("a/away.php", "<?php header('Location: /elsewhere');");
    let away = rig.get("a.example", "/away.php");
    assert_eq!((away.status, away.field("location")), (302, Some("/elsewhere")));
    let head = rig.request("HEAD", "a.example", "/made.php", "");
    assert_eq!((head.status, head.body.len()), (418, 0));
}

#[test]
fn an_answer_is_passed_on_while_the_program_still_runs() {
    let (rig, _fpm) = rig(|_| {});
    rig.write(
        "a/events.php",
        "<?php header('Content-Type: text/event-stream'); echo \"data: 1\\n\\n\"; flush();
         while (!file_exists(__DIR__ . '/go')) { usleep(1000); clearstatcache(); } echo \"data: 2\\n\\n\";",
    );
    let mut stream = connect(rig.http());
    stream
        .write_all(b"GET /events.php HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        .unwrap();
    let head = read_head(&mut stream);
    assert!(head.contains("text/event-stream"), "{head}");
    let mut first = [0; 14];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"9\r\ndata: 1\n\n\r\n");
    rig.write("a/go", "");
    assert!(String::from_utf8(read_all(&mut stream)).unwrap().contains("data: 2"));
}

#[test]
fn a_program_may_have_the_edge_send_a_file_of_its_site() {
    let (rig, _fpm) = rig(|_| {});
    rig.write("a/.private/report.txt", "the report");
    rig.write(
        "a/send.php",
        "<?php header('X-Accel-Redirect: ' . $_GET['to']); header('Content-Disposition: attachment'); header('X-Accel-Buffering: no');",
    );
    let sent = rig.get("a.example", "/send.php?to=/.private/report.txt");
    assert_eq!((sent.status, sent.text().as_str()), (200, "the report"));
    assert_eq!(
        (sent.field("content-disposition"), sent.field("x-accel-redirect")),
        (Some("attachment"), None)
    );
    assert_eq!(rig.get("a.example", "/.private/report.txt").status, 404);
    let part = rig.request(
        "GET",
        "a.example",
        "/send.php?to=/.private/report.txt",
        "Range: bytes=4-\r\n",
    );
    assert_eq!((part.status, part.text().as_str()), (206, "report"));
    for outside in [
        "/../secret",
        "/send.php",
        "/index.php~",
        "http://evil/",
        "/missing",
        "/",
    ] {
        assert_eq!(
            rig.get("a.example", &format!("/send.php?to={outside}")).status,
            404,
            "{outside}"
        );
    }
}

#[test]
fn a_program_that_is_silent_dies_or_is_not_there_is_answered_for() {
    let (rig, fpm) = rig(|php| php.response_timeout_ms = 1_000);
    rig.write("a/slow.php", "<?php sleep(5);");
    assert_eq!(rig.get("a.example", "/slow.php").status, 504);
    rig.write("a/die.php", "<?php posix_kill(getmypid(), 9);");
    rig.write(
        "a/half.php",
        "<?php header('Content-Length: 100'); echo 'half'; flush();
         while (!file_exists(__DIR__ . '/go')) { usleep(1000); clearstatcache(); } posix_kill(getmypid(), 9);",
    );
    assert_eq!(rig.get("a.example", "/die.php").status, 502);
    // What broke off in the middle must not look whole.
    let mut half = connect(rig.http());
    half.write_all(b"GET /half.php HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .unwrap();
    assert!(read_head(&mut half).contains("content-length: 100"));
    rig.write("a/go", "");
    assert_eq!(read_all(&mut half), b"half");
    drop(fpm);
    let gone = rig.get("a.example", "/");
    assert_eq!(gone.status, 502);
    assert!(gone.text().contains("did not answer"));
    // Its files are served on.
    assert_eq!(rig.get("a.example", "/style.css").status, 200);
}

#[test]
fn requests_beyond_the_limit_wait_and_are_then_sent_away() {
    let (rig, _fpm) = rig(|php| {
        php.max_connections = 1;
        php.connect_timeout_ms = 300;
    });
    rig.write(
        "a/hold.php",
        "<?php echo str_repeat('x', 9000); flush(); while (!file_exists(__DIR__ . '/go')) { usleep(1000); clearstatcache(); }",
    );
    let mut holding = connect(rig.http());
    holding
        .write_all(b"GET /hold.php HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        .unwrap();
    read_head(&mut holding);
    let busy = rig.get("a.example", "/");
    assert_eq!((busy.status, busy.field("retry-after")), (503, Some("2")));
    rig.write("a/go", "");
    read_all(&mut holding);
    assert_eq!(rig.get("a.example", "/").status, 200);
}

#[test]
fn a_client_that_leaves_ends_the_program_and_frees_its_place() {
    let (rig, _fpm) = rig(|php| php.max_connections = 1);
    rig.write(
        "a/endless.php",
        "<?php while (true) { echo str_repeat('x', 4096); flush(); usleep(1000); }",
    );
    for _ in 0..3 {
        let mut leaving = connect(rig.http());
        leaving
            .write_all(b"GET /endless.php HTTP/1.1\r\nHost: a.example\r\n\r\n")
            .unwrap();
        read_head(&mut leaving);
    }
    assert_eq!(rig.get("a.example", "/").status, 200);
}

#[test]
fn kept_connections_are_used_again_and_a_closed_one_is_noticed() {
    let (rig, _fpm) = rig(|php| php.keep_connections = 1);
    rig.write("a/pid.php", "<?php echo getmypid();");
    let mut stream = connect(rig.http());
    let mut ask = |path: &str| {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let mut bytes = read_head(&mut stream).into_bytes();
        while !bytes.ends_with(b"0\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
        Reply::parse(&bytes)
    };
    let first = ask("/pid.php").text();
    for _ in 0..5 {
        assert_eq!(ask("/pid.php").text(), first);
    }
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(first.parse().unwrap()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let second = ask("/pid.php");
    assert_eq!(second.status, 200);
    assert_ne!(second.text(), first);
}
