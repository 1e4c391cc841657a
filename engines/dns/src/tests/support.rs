//! Zones, queries and readable replies for tests. Replies are always read by `domain`.

use std::str::FromStr;
use std::sync::Arc;

use domain::base::iana::{Class, Rtype};
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt};
use domain::base::{Message, MessageBuilder, Name, ParsedName, ParsedRecord};
use domain::rdata::AllRecordData;

use crate::answer::{self, Transport};
use crate::zone::{RecordData, SoaData, Zone, ZoneData};
use crate::zones::{ZoneMap, ZoneSet};

/// Zone data from lines of `owner type data`, owners relative to the apex (`@` is the apex itself), TTL 300.
pub fn data(apex: &str, lines: &str) -> ZoneData {
    let records = lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut parts = line.splitn(3, char::is_whitespace);
            let (owner, rtype, data) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            let name = if owner == "@" {
                apex.to_owned()
            } else {
                format!("{owner}.{apex}")
            };
            RecordData {
                name,
                rtype: rtype.to_owned(),
                ttl: 300,
                data: data.trim().to_owned(),
            }
        });
    ZoneData {
        apex: apex.to_owned(),
        serial: 7,
        soa: soa(),
        records: records.collect(),
    }
}

pub fn soa() -> SoaData {
    SoaData {
        mname: "ns1.example.net".into(),
        rname: "hostmaster.example.net".into(),
        refresh: 7200,
        retry: 900,
        expire: 1_209_600,
        minimum: 60,
        ttl: 3600,
    }
}

pub fn zone(apex: &str, lines: &str) -> Arc<Zone> {
    match Zone::compile(&data(apex, lines)) {
        Ok(zone) => Arc::new(zone),
        Err(problems) => panic!("{problems:?}"),
    }
}

pub fn set(zones: impl IntoIterator<Item = Arc<Zone>>) -> ZoneSet {
    let set = ZoneSet::new();
    set.replace_all(zones);
    set
}

pub fn snapshot(apex: &str, lines: &str) -> Arc<ZoneMap> {
    set([zone(apex, lines)]).snapshot()
}

pub fn query(name: &str, rtype: &str) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(0x4d50);
    let mut builder = builder.question();
    builder
        .push((
            Name::<Vec<u8>>::from_str(name).unwrap(),
            Rtype::from_str(rtype).unwrap(),
            Class::IN,
        ))
        .unwrap();
    builder.finish()
}

/// The same with an OPT record of this payload size.
pub fn edns_query(name: &str, rtype: &str, payload: u16) -> Vec<u8> {
    let mut wire = query(name, rtype);
    wire[11] = 1;
    wire.extend_from_slice(&[0, 0, 41]);
    wire.extend_from_slice(&payload.to_be_bytes());
    wire.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    wire
}

pub fn respond(zones: &ZoneMap, wire: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let mut out = vec![0xee; 65_535];
    let outcome = answer::answer(zones, wire, transport, &mut out)?;
    out.truncate(outcome.len);
    Some(out)
}

/// A reply in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub rcode: String,
    pub aa: bool,
    pub tc: bool,
    pub answer: Vec<String>,
    pub authority: Vec<String>,
    pub additional: Vec<String>,
    pub len: usize,
}

pub fn ask(zones: &ZoneMap, name: &str, rtype: &str) -> Reply {
    read(&respond(zones, &query(name, rtype), Transport::Udp).unwrap())
}

pub fn read(wire: &[u8]) -> Reply {
    let message = Message::from_octets(wire).unwrap();
    let header = message.header();
    assert!(header.qr(), "a reply has QR set");
    assert!(
        !header.ra() && !header.ad() && !header.z(),
        "RA, AD and Z are never set"
    );
    let mut sections: [Vec<String>; 3] = Default::default();
    let mut section = Some(message.answer().unwrap());
    let mut end = 0;
    for lines in &mut sections {
        let mut records = section.take().unwrap();
        for record in &mut records {
            lines.extend(words(&record.unwrap()));
        }
        end = records.pos();
        section = records.next_section().unwrap();
    }
    assert_eq!(end, wire.len(), "nothing follows the last record");
    let [answer, authority, additional] = sections;
    let (aa, tc) = (header.aa(), header.tc());
    Reply {
        rcode: message.opt_rcode().to_string(),
        aa,
        tc,
        answer,
        authority,
        additional,
        len: wire.len(),
    }
}

/// A record in one line; the OPT record is not shown.
fn words(record: &ParsedRecord<'_, &[u8]>) -> Option<String> {
    let record = record
        .to_record::<AllRecordData<&[u8], ParsedName<&[u8]>>>()
        .unwrap()
        .unwrap();
    let (owner, ttl, rtype) = (record.owner(), record.ttl().as_secs(), record.rtype());
    let data = record.data().display_zonefile(DisplayKind::Simple);
    (rtype != Rtype::OPT).then(|| format!("{owner} {ttl} {rtype} {data}"))
}

pub const SOA_LINE: &str = "example.com 60 SOA ns1.example.net. hostmaster.example.net. 7 7200 900 1209600 60";
