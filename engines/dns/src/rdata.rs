//! Record data at the edges: presentation format to wire form and back, through `domain`.

use domain::base::name::ParsedName;
use domain::base::rdata::{ComposeRecordData, ParseAnyRecordData};
use domain::base::wire::Composer;
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt};
use domain::base::{Name, Rtype};
use domain::rdata::{AllRecordData, ZoneRecordData};
use domain::zonefile::inplace::{Entry, Zonefile};

use crate::name;
use crate::zone::RecordType;

/// IPv4 address.
pub const A: u16 = 1;
/// Name server.
pub const NS: u16 = 2;
/// Alias.
pub const CNAME: u16 = 5;
/// Start of authority.
pub const SOA: u16 = 6;
/// Pointer.
pub const PTR: u16 = 12;
/// Mail exchange.
pub const MX: u16 = 15;
/// Text.
pub const TXT: u16 = 16;
/// IPv6 address.
pub const AAAA: u16 = 28;
/// Service location.
pub const SRV: u16 = 33;
/// Alias of a subtree: not answered by this engine.
pub const DNAME: u16 = 39;
/// EDNS pseudo-record.
pub const OPT: u16 = 41;
/// Delegation signer, which lives in the parent.
pub const DS: u16 = 43;
/// Transaction signature.
pub const TSIG: u16 = 250;
/// Incremental transfer.
pub const IXFR: u16 = 251;
/// Full transfer.
pub const AXFR: u16 = 252;
/// Every type.
pub const ANY: u16 = 255;
/// Certification authority authorisation.
pub const CAA: u16 = 257;

/// Where names stand in the data of the types whose names this engine reads: octets before the first name, and the
/// number of names. Other types are opaque to it.
pub(crate) const fn names_in(rtype: u16) -> Option<(usize, usize)> {
    match rtype {
        NS | CNAME | PTR => Some((0, 1)),
        SOA => Some((0, 2)),
        MX => Some((2, 1)),
        SRV => Some((6, 1)),
        _ => None,
    }
}

/// Whether names in the data may be compressed (RFC 3597 §4; RFC 2782 forbids it for SRV).
pub(crate) const fn compressible(rtype: u16) -> bool {
    matches!(rtype, NS | CNAME | PTR | SOA | MX)
}

/// The name of a type: `MX`, or `TYPE1234` where it has none.
#[must_use]
pub fn type_name(rtype: u16) -> String {
    Rtype::from_int(rtype).to_string()
}

/// Parsed record data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdata {
    /// Uncompressed wire form, names in lower case.
    pub wire: Vec<u8>,
    /// Canonical presentation format: names absolute with a final dot and in lower case, texts quoted.
    pub text: String,
}

/// Why data is not valid for its type, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RdataError(String);

fn bad(message: impl Into<String>) -> RdataError {
    RdataError(message.into())
}

/// Parses the data of one record.
///
/// Names are absolute with or without the final dot; `@` stands for `apex`; a single label without a dot is refused,
/// because it is nearly always meant relative. A text without quotes is one value, and values over 255 octets are split.
///
/// # Errors
/// One sentence saying what is wrong.
pub fn parse(kind: RecordType, data: &str, apex: &[u8]) -> Result<Rdata, RdataError> {
    let data = data.trim_matches([' ', '\t']);
    if data.is_empty() {
        return Err(bad("the value is missing"));
    }
    if data.len() > 65_535 {
        return Err(bad("the value is too long"));
    }
    if data.chars().any(|c| c.is_control() && c != '\t') {
        return Err(bad("the value holds a line break or another control character"));
    }
    match kind {
        RecordType::Txt => parse_txt(data),
        _ => parse_plain(kind, data, apex),
    }
}

fn parse_plain(kind: RecordType, data: &str, apex: &[u8]) -> Result<Rdata, RdataError> {
    let mut tokens = tokens(data)?;
    let expected = match kind {
        RecordType::A | RecordType::Aaaa | RecordType::Cname | RecordType::Ns | RecordType::Txt => 1,
        RecordType::Mx => 2,
        RecordType::Caa => 3,
        RecordType::Srv => 4,
    };
    if tokens.len() != expected {
        return Err(bad(format!(
            "{kind} takes {}, and this has {} of {expected} parts",
            shape(kind),
            tokens.len()
        )));
    }
    if names_in(kind.code()).is_some()
        && let Some(last) = tokens.last_mut()
    {
        *last = absolute(last, apex)?;
    }
    if kind == RecordType::Caa {
        check_caa_tag(&tokens[1])?;
    }
    let mut wire = scan(kind, &tokens.join(" "))?;
    lower_names(kind.code(), &mut wire);
    let text = present(kind.code(), &wire)?;
    Ok(Rdata { wire, text })
}

const fn shape(kind: RecordType) -> &'static str {
    match kind {
        RecordType::A => "an IPv4 address such as 192.0.2.1",
        RecordType::Aaaa => "an IPv6 address such as 2001:db8::1",
        RecordType::Caa => "flags, a tag and a quoted value such as 0 issue \"ca.example\"",
        RecordType::Cname => "one name such as www.example.com.",
        RecordType::Mx => "a preference and a name such as 10 mail.example.com.",
        RecordType::Ns => "one name such as ns1.example.com.",
        RecordType::Srv => "priority, weight, port and a name such as 0 5 5060 sip.example.com.",
        RecordType::Txt => "text",
    }
}

/// Splits at white space outside quotes. Refuses what a zone file would read as comment or grouping.
fn tokens(data: &str) -> Result<Vec<String>, RdataError> {
    let mut out = Vec::new();
    let mut token = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in data.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                token.push(c);
                continue;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ';' | '(' | ')' if !quoted => return Err(bad(format!("'{c}' has to stand inside quotes"))),
            ' ' | '\t' if !quoted => {
                if !token.is_empty() {
                    out.push(std::mem::take(&mut token));
                }
                continue;
            }
            _ => {}
        }
        token.push(c);
    }
    if quoted || escaped {
        return Err(bad(if quoted {
            "a quote is not closed"
        } else {
            "the value ends in a backslash"
        }));
    }
    if !token.is_empty() {
        out.push(token);
    }
    Ok(out)
}

fn absolute(text: &str, apex: &[u8]) -> Result<String, RdataError> {
    if text == "@" {
        return Ok(format!("{}.", name::to_text(apex)));
    }
    let wire = name::parse(text).map_err(|error| bad(error.to_string()))?;
    if !text.ends_with('.') && name::label_offsets(&wire).count() == 2 {
        return Err(bad(format!(
            "'{text}' is a single label: write the full name, such as {text}.{}.",
            name::to_text(apex)
        )));
    }
    Ok(if text.ends_with('.') {
        text.to_owned()
    } else {
        format!("{text}.")
    })
}

/// RFC 8659 §4.1: a tag is letters and digits.
fn check_caa_tag(tag: &str) -> Result<(), RdataError> {
    if !tag.is_empty() && tag.len() <= 15 && tag.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(bad(
        "a CAA tag is letters and digits, such as issue, issuewild or iodef",
    ))
}

/// Runs `domain`'s zone file scanner over one record and gives its uncompressed wire form.
fn scan(kind: RecordType, data: &str) -> Result<Vec<u8>, RdataError> {
    let explain = |error: &dyn std::fmt::Display| {
        // The position is that in our own line, of no use to the reader.
        let text = error.to_string();
        let reason = text.splitn(3, ':').last().unwrap_or(&text).trim().to_owned();
        bad(format!("not valid {kind} data ({reason}): expected {}", shape(kind)))
    };
    let mut file = Zonefile::from(format!(". 0 IN {kind} {data}\n").as_str());
    file.set_origin(Name::root_bytes());
    let entry = file.next_entry().map_err(|error| explain(&error))?;
    let Some(Entry::Record(record)) = entry else {
        return Err(bad(format!("expected {}", shape(kind))));
    };
    if matches!(record.data(), ZoneRecordData::Unknown(_)) {
        return Err(bad("generic data (RFC 3597) is not accepted for known types"));
    }
    let wire = compose(record.data())?;
    match file.next_entry() {
        Ok(None) => Ok(wire),
        Ok(Some(_)) => Err(bad("the value holds more than one record")),
        Err(error) => Err(explain(&error)),
    }
}

/// Parses uncompressed wire data.
pub(crate) fn parse_wire(rtype: u16, wire: &[u8]) -> Result<AllRecordData<&[u8], ParsedName<&[u8]>>, RdataError> {
    let mut parser = domain::dep::octseq::Parser::from_ref(wire);
    let parsed = AllRecordData::parse_any_rdata(Rtype::from_int(rtype), &mut parser)
        .map_err(|error| bad(format!("not valid {} data: {error}", type_name(rtype))))?;
    if parser.remaining() != 0 {
        return Err(bad(format!(
            "not valid {} data: octets are left over",
            type_name(rtype)
        )));
    }
    Ok(parsed)
}

/// The uncompressed wire form.
pub(crate) fn compose<D: ComposeRecordData>(data: &D) -> Result<Vec<u8>, RdataError> {
    let mut wire = Vec::new();
    compose_into(data, &mut wire).map_err(|()| bad("the value is too long"))?;
    if wire.len() > usize::from(u16::MAX) {
        return Err(bad("the value is too long"));
    }
    Ok(wire)
}

fn compose_into<D: ComposeRecordData, T: Composer>(data: &D, target: &mut T) -> Result<(), ()> {
    data.compose_rdata(target).map_err(|_| ())
}

/// Lower-cases the names in the data: DNS compares them so, and signatures are made over that form (RFC 4034 §6.2).
pub(crate) fn lower_names(rtype: u16, wire: &mut [u8]) {
    for (start, end) in name_ranges(rtype, wire) {
        wire[start..end].make_ascii_lowercase();
    }
}

/// The start and end of each name in uncompressed data; empty where the type has none or the data is malformed.
pub(crate) fn name_ranges(rtype: u16, wire: &[u8]) -> Vec<(usize, usize)> {
    let Some((skip, count)) = names_in(rtype) else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(count);
    let mut start = skip;
    for _ in 0..count {
        let Some(rest) = wire.get(start..) else {
            return Vec::new();
        };
        let Some(root) = name::label_offsets(rest).last().filter(|&at| rest[at] == 0) else {
            return Vec::new();
        };
        out.push((start, start + root + 1));
        start += root + 1;
    }
    out
}

/// Canonical presentation format of uncompressed wire data.
pub(crate) fn present(rtype: u16, wire: &[u8]) -> Result<String, RdataError> {
    Ok(parse_wire(rtype, wire)?
        .display_zonefile(DisplayKind::Simple)
        .to_string())
}

fn parse_txt(data: &str) -> Result<Rdata, RdataError> {
    let mut wire = Vec::with_capacity(data.len() + 2);
    for value in texts(data)? {
        if value.is_empty() {
            wire.push(0);
        }
        for part in value.chunks(255) {
            wire.push(u8::try_from(part.len()).map_err(|_| bad("a text part is too long"))?);
            wire.extend_from_slice(part);
        }
    }
    if wire.len() > usize::from(u16::MAX) {
        return Err(bad("the text is too long"));
    }
    let text = present(TXT, &wire)?;
    Ok(Rdata { wire, text })
}

/// The values of a text: one if nothing is quoted, else one for each quoted string or bare word.
fn texts(data: &str) -> Result<Vec<Vec<u8>>, RdataError> {
    let whole = !data.starts_with('"');
    let mut values = Vec::new();
    let mut value: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut bytes = data.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => value.get_or_insert_default().push(escape(&mut bytes)?),
            b'"' if whole => return Err(bad("put the whole text in quotes, or write \\\" for a quote inside it")),
            b'"' if quoted => {
                quoted = false;
                values.extend(value.take());
            }
            b'"' => {
                values.extend(value.replace(Vec::new()));
                quoted = true;
            }
            b' ' | b'\t' if !quoted && !whole => values.extend(value.take()),
            b';' | b'(' | b')' if !quoted && !whole => {
                return Err(bad(format!("'{}' has to stand inside quotes", char::from(byte))));
            }
            _ => value.get_or_insert_default().push(byte),
        }
    }
    if quoted {
        return Err(bad("a quote is not closed"));
    }
    values.extend(value);
    Ok(values)
}

/// `\DDD` or `\X` (RFC 1035 §5.1), after the backslash.
fn escape(bytes: &mut std::str::Bytes<'_>) -> Result<u8, RdataError> {
    let first = bytes.next().ok_or_else(|| bad("the value ends in a backslash"))?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut number = u32::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes
            .next()
            .filter(u8::is_ascii_digit)
            .ok_or_else(|| bad("an escape takes three digits, such as \\046"))?;
        number = number * 10 + u32::from(digit - b'0');
    }
    u8::try_from(number).map_err(|_| bad("an escape is at most \\255"))
}
