//! What a line and a message must be.

/// RFC 5321, section 4.5.3.1.4: with its end.
const COMMAND: usize = 512;
/// RFC 5322, section 2.1.1: without its end.
const LINE: usize = 998;

/// A command's line without its end.
pub fn command(line: &[u8]) -> Result<&str, &'static str> {
    let text = line.strip_suffix(b"\r\n").ok_or("500 5.5.2 a line ends with CR LF")?;
    if line.len() > COMMAND {
        return Err("500 5.5.2 line too long");
    }
    if text.iter().any(|byte| !(b' '..=b'~').contains(byte)) {
        return Err("500 5.5.2 commands are printable ASCII");
    }
    std::str::from_utf8(text).map_err(|_| "500 5.5.2 commands are printable ASCII")
}

/// A line of a message without its end.
pub fn data_line(line: &[u8]) -> Result<&[u8], &'static str> {
    let text = line.strip_suffix(b"\r\n").ok_or("550 5.6.0 bare LF")?;
    if text.contains(&b'\r') || text.contains(&0) {
        return Err("550 5.6.0 bare CR or NUL");
    }
    if text.len() > LINE {
        return Err("550 5.6.0 line too long");
    }
    Ok(text)
}

/// `FROM:<a@b> …` and `TO:<a@b> …`.
pub fn path<'a>(arguments: &'a str, name: &str) -> Result<&'a str, &'static str> {
    let known = arguments
        .get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name));
    let rest = if known { &arguments[name.len()..] } else { "" };
    let path = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let (path, _) = path.ok_or("501 5.5.4 the address stands in < and >")?;
    let fits = path.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !path.contains(|c: char| c.is_whitespace() || "<>\",;:".contains(c))
    });
    if fits {
        Ok(path)
    } else {
        Err("553 5.1.3 that is no address")
    }
}

/// What is wrong with a message's header, if anything.
pub fn message(data: &str) -> Result<(), String> {
    let (header, _) = data.split_once("\r\n\r\n").ok_or("550 5.6.0 no end of the header")?;
    let mut names: Vec<String> = Vec::new();
    for line in header.split("\r\n") {
        if !line.is_ascii() {
            return Err(format!("550 5.6.0 eight bits in the header: {line}"));
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let (name, _) = line
            .split_once(':')
            .ok_or_else(|| format!("550 5.6.0 no header field: {line}"))?;
        if name.is_empty() || name.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(format!("550 5.6.0 no name of a header field: {name}"));
        }
        names.push(name.to_ascii_lowercase());
    }
    for once in [
        "date",
        "from",
        "to",
        "subject",
        "message-id",
        "mime-version",
        "content-type",
    ] {
        let count = names.iter().filter(|name| *name == once).count();
        if count != 1 {
            return Err(format!("550 5.6.0 {count} fields {once}"));
        }
    }
    Ok(())
}
