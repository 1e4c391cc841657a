//! Many accounts of one address: nobody has proven that it is theirs.

use jiff::SignedDuration;
use mpanel_authz::Role;

use super::support::{PASSWORD, World, code, presence, sign_in};
use crate::service::Activate;

#[tokio::test]
async fn eight_busy_accounts_of_an_address_keep_the_ninth_waiting_but_not_out() {
    let world = World::claimed().await;
    let mut busy = Vec::new();
    for n in 0..9 {
        let tenant = world.customer().await;
        let invited = world.invite("ada@example.com", tenant, Role::Owner).await;
        let token = invited.activation.unwrap().token;
        let password = format!("{PASSWORD} {n}");
        let given = Activate {
            token: token.reveal(),
            name: None,
            password: &password,
            totp: None,
        };
        world.identity.activate(&presence(), given).await.unwrap();
        world.clock.advance(SignedDuration::from_mins(1));
        busy.push(password);
    }
    // The first has signed in longest ago.
    let mut attempts = 0;
    loop {
        attempts += 1;
        // All the others are at it again and again.
        for other in [&busy[1], &busy[4], &busy[8]] {
            code(
                world
                    .identity
                    .sign_in(&presence(), sign_in("ada@example.com", other, None))
                    .await,
            );
        }
        match code(
            world
                .identity
                .sign_in(&presence(), sign_in("ada@example.com", &busy[0], None))
                .await,
        ) {
            "ok" => break,
            // One draw in five misses it: a hundred in a row do not happen.
            refused => assert_eq!(refused, "identity.session.invalid_credentials"),
        }
        assert!(attempts < 100, "kept out");
    }
    let again = world
        .identity
        .sign_in(&presence(), sign_in("ada@example.com", &busy[0], None))
        .await;
    assert_eq!(code(again), "ok", "who got in is among the first from then on");
}
