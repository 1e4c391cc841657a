use super::{Held, counted, one_connection};

#[tokio::test]
async fn a_request_takes_one_connection_after_another() {
    one_connection(async {
        drop(Held::take("the first"));
        drop(Held::take("the second"));
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "a request begins the second while it has Some(\"the first\") open")]
async fn a_request_that_takes_a_second_connection_is_found() {
    one_connection(async {
        let _first = Held::take("the first");
        let _second = Held::take("the second");
    })
    .await;
}

#[tokio::test]
async fn two_requests_hold_one_each_and_what_is_no_request_holds_what_it_likes() {
    let request = || {
        one_connection(async {
            let _held = Held::take("its own");
            tokio::task::yield_now().await;
        })
    };
    tokio::join!(request(), request());
    let _both = (Held::take("one"), Held::take("another"));
}

#[tokio::test]
async fn what_a_request_begins_is_counted() {
    let ((), transactions) = counted(async {
        drop(Held::take("the first"));
        drop(Held::take("the second"));
    })
    .await;
    assert_eq!(transactions, 2);
}
