//! One installation for all tests that harm nobody: each makes tenants of its own in it.

use std::sync::OnceLock;
use std::sync::mpsc;

use super::{Owner, System, accounts};

/// The shared installation and its owner.
#[derive(Debug)]
pub struct Shared {
    pub system: System,
    pub owner: Owner,
}

/// Starts it on first use. It ends with the process: the kernel tells the supervisor when this thread ends.
pub fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        let start = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let shared = runtime.block_on(async {
                let system = System::start().await;
                let owner = accounts::claim(&system).await;
                Shared { system, owner }
            });
            if sender.send(shared).is_ok() {
                loop {
                    std::thread::park();
                }
            }
        };
        std::thread::Builder::new()
            .name("shared-system".into())
            .spawn(start)
            .unwrap();
        receiver
            .recv()
            .expect("the shared installation started; its output is above")
    })
}

/// The owner, through connections of this test's own runtime.
pub fn owner() -> Owner {
    let shared = shared();
    let mut owner = shared.owner.clone();
    owner.api = shared.system.api().with(owner.api.credential.clone());
    owner
}
