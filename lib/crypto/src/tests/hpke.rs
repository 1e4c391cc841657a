use zeroize::Zeroizing;

use super::hex;
use crate::{Error, NodeKeyPair, NodePublicKey, seal_to};

fn pair(seed: u8) -> NodeKeyPair {
    NodeKeyPair::from_private(&Zeroizing::new(std::array::from_fn(|i| seed.wrapping_add(i as u8)))).unwrap()
}

/// RFC 9180's appendix has no vector for this suite. This one was made by pyhpke 0.6.5, an independent implementation.
#[test]
fn opens_what_another_implementation_sealed() {
    let node = pair(1);
    assert_eq!(
        node.public().to_string(),
        "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw="
    );
    let sealed = hex(concat!(
        "ef6e4a635c647ca05aaca22476c2e189ed0699cb92d8b0f152fe272574a39d0f",
        "b47c567de0616fb27a428b0e2b68e799faea1c283250e1ad3b6591e43bfbc9a27d92fb3dc24dc5ffbcf9fc3a31"
    ));
    let opened = node.open(b"mpanel test info", b"Count-0", &sealed).unwrap();
    assert_eq!(opened.as_slice(), b"Beauty is truth, truth beauty");
}

#[test]
fn only_the_named_node_purpose_and_object_open() {
    let (node, other) = (pair(1), pair(2));
    let sealed = seal_to(&node.public(), b"info", b"aad", b"private key").unwrap();
    assert_eq!(sealed.len(), 11 + 48);
    assert_eq!(node.open(b"info", b"aad", &sealed).unwrap().as_slice(), b"private key");
    for failed in [
        other.open(b"info", b"aad", &sealed),
        node.open(b"inf", b"aad", &sealed),
        node.open(b"info", b"aae", &sealed),
        node.open(b"infoa", b"ad", &sealed),
    ] {
        assert!(matches!(failed, Err(Error::DoesNotOpen)));
    }
}

#[test]
fn every_altered_byte_is_noticed() {
    let node = pair(1);
    let sealed = seal_to(&node.public(), b"", b"", b"four").unwrap();
    for index in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[index] ^= 1;
        assert!(node.open(b"", b"", &altered).is_err(), "byte {index}");
        assert!(node.open(b"", b"", &sealed[..index]).is_err(), "cut at {index}");
    }
}

#[test]
fn public_keys_travel_as_base64_and_weak_ones_are_refused() {
    let public = pair(9).public();
    assert_eq!(public.to_string().parse::<NodePublicKey>().unwrap(), public);
    for bad in ["", "AAAA", "not base64", &format!("{public}AAAA")] {
        assert!(bad.parse::<NodePublicKey>().is_err(), "{bad}");
    }
    // All zeroes is a point of low order: the shared secret would be known to everyone.
    let weak: NodePublicKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse().unwrap();
    assert!(seal_to(&weak, b"", b"", b"x").is_err());
}
