use crate::{TooManyDeletes, deletes_allowed};

#[test]
fn a_pass_that_would_delete_much_stops_and_says_how_much() {
    assert_eq!(deletes_allowed("sites", 1000, 50), Ok(()));
    let refused = deletes_allowed("sites", 1000, 51).unwrap_err();
    assert_eq!(
        refused,
        TooManyDeletes {
            what: "sites",
            total: 1000,
            deleting: 51
        }
    );
    assert!(refused.to_string().contains("51 of 1000 sites"));
}

#[test]
fn a_small_number_may_always_go() {
    assert_eq!(deletes_allowed("sites", 10, 10), Ok(()));
    assert_eq!(deletes_allowed("sites", 0, 0), Ok(()));
    assert!(deletes_allowed("sites", 11, 11).is_err());
}
