use super::{Part, part};

#[test]
fn parts_are_cut_as_rfc_9110_says() {
    let cases = [
        (None, Part::All),
        (Some("bytes=0-"), Part::Some(0, 99)),
        (Some("bytes=10-19"), Part::Some(10, 19)),
        (Some("bytes=90-500"), Part::Some(90, 99)),
        (Some("bytes=-10"), Part::Some(90, 99)),
        (Some("bytes=-500"), Part::Some(0, 99)),
        (Some("bytes=-0"), Part::None),
        (Some("bytes=100-"), Part::None),
        (Some("bytes=20-10"), Part::All),
        (Some("bytes=0-1,5-6"), Part::All),
        (Some("lines=1-2"), Part::All),
        (Some("bytes=a-b"), Part::All),
    ];
    for (range, expected) in cases {
        assert_eq!(part(range, 100), expected, "{range:?}");
    }
    assert_eq!(part(Some("bytes=-1"), 0), Part::None);
}
