use mpanel_kernel::ids::{ReleaseId, SiteId};
use serde_json::json;

use crate::protocol::{
    ArchiveFault, ArchiveFormat, BLOCK, Failure, FrameError, MAX_FRAME, Request, Response, SiteUid, TenantGid,
    UnpackLimits, UnpackRelease, charge, decode, encode, read_frame,
};

fn requests() -> Vec<Request> {
    let (site, release, uid) = (
        SiteId::generate(),
        ReleaseId::generate(),
        SiteUid::new(200_000).unwrap(),
    );
    let unpack = UnpackRelease {
        site,
        release,
        uid,
        gid: TenantGid::new(200_001).unwrap(),
        format: ArchiveFormat::TarGz,
        limits: UnpackLimits::default(),
    };
    vec![
        Request::Version {},
        Request::UnpackRelease(unpack),
        Request::DeleteRelease { site, release, uid },
        Request::DeleteSite { site, uid },
        Request::MeasureSite { site, uid },
        Request::ListReleases { site, uid },
        Request::ListSites {},
    ]
}

#[test]
fn files_are_charged_in_whole_blocks_and_one_at_least() {
    for (size, blocks) in [(0, 1), (1, 1), (4096, 1), (4097, 2), (8192, 2), (1 << 40, 1 << 28)] {
        assert_eq!(charge(size), blocks * BLOCK, "{size}");
    }
    assert_eq!(charge(u64::MAX), u64::MAX, "more than any limit");
}

#[test]
fn every_verb_travels_and_refuses_unknown_fields() {
    for request in requests() {
        let frame = encode(&request).unwrap();
        assert_eq!(read_frame::<Request>(&mut &frame[..]).unwrap(), Some(request.clone()));
        let mut value = serde_json::to_value(&request).unwrap();
        value[request.verb()]["shell"] = json!("sh");
        assert!(decode::<Request>(value.to_string().as_bytes()).is_err(), "{value}");
    }
}

#[test]
fn numbers_below_the_sites_range_are_no_uids() {
    for id in [0, 1, 1000, 65_534, 199_999, 1 << 31, u32::MAX] {
        assert!(SiteUid::new(id).is_err() && TenantGid::new(id).is_err(), "{id}");
        assert!(serde_json::from_value::<SiteUid>(json!(id)).is_err(), "{id}");
    }
    assert_eq!(SiteUid::new(200_000).unwrap().get(), 200_000);
}

#[test]
fn frames_have_a_limit_both_ways() {
    let long = Response::Failed(Failure::Internal {
        detail: "x".repeat(MAX_FRAME),
    });
    assert!(matches!(encode(&long), Err(FrameError::TooLong(_))));
    let announced = [&(MAX_FRAME as u32 + 1).to_be_bytes()[..], b"{}"].concat();
    assert!(matches!(
        read_frame::<Request>(&mut &announced[..]),
        Err(FrameError::TooLong(_))
    ));
    assert!(matches!(
        read_frame::<Request>(&mut &b"\0\0\0\x09{}"[..]),
        Err(FrameError::Io(_))
    ));
    assert!(matches!(read_frame::<Request>(&mut &b""[..]), Ok(None)));
}

#[test]
fn limits_out_of_range_name_their_field() {
    let good = UnpackLimits::default();
    assert_eq!(good.check(), Ok(()));
    for (limits, field) in [
        (UnpackLimits { max_bytes: 0, ..good }, "max_bytes"),
        (
            UnpackLimits {
                max_files: 1_000_001,
                ..good
            },
            "max_files",
        ),
        (UnpackLimits { max_path: 4001, ..good }, "max_path"),
        (UnpackLimits { max_ratio: 0, ..good }, "max_ratio"),
    ] {
        assert_eq!(limits.check().unwrap_err().0, field);
    }
}

#[test]
fn names_in_refusals_are_shortened_and_printable() {
    let rejection = ArchiveFault::Symlink {}.at(b"a\r\n\xff\xe2\x80\xae.txt");
    assert_eq!(
        rejection.to_string(),
        "symbolic link: a\\u{d}\\u{a}\u{fffd}\\u{202e}.txt"
    );
    let long = ArchiveFault::Symlink {}.at(&[b'x'; 5000]).entry.unwrap();
    assert_eq!(long.chars().count(), 201);
}
