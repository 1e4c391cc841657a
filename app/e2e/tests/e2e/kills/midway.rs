//! Deaths in the middle of a step, where something is half done: an archive half unpacked, an upload half received.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::whole::assert_whole;
use super::world::World;
use crate::harness::client::Credential;
use crate::harness::{Answer, eventually, website};

#[tokio::test]
async fn an_unpacking_survives_the_death_of_each_process_in_the_middle() {
    let mut world = World::new().await;
    for process in ["serve", "agent", "postgres", "up"] {
        let (text, folder) = world.large_folder();
        let archive = website::tar_gz(&folder);
        let (operation, release) = world.customer.release(&world.site, "site.tar.gz", &archive).await;
        let releases = world.system.data().join("sites").join(&world.site).join("releases");
        let begun = releases.join(format!(".{release}.partial")).join("100.txt");
        // On a machine that is far too fast it is finished already.
        let finished = releases.join(&release);
        eventually("some files are unpacked", async || {
            (begun.exists() || finished.exists()).then_some(())
        })
        .await;
        let killed = world.kill(&[process]).await;
        world.visit(&[&world.shown]).await;
        world.back(&killed).await;
        world.customer.succeeded(&operation).await;
        world.shown = text;
        world.shows().await;
        world.system.wait_complete().await;
        assert_whole(&world.system, &world.customer).await;
    }
}

/// Sends the beginning of an upload and leaves the request open.
async fn begin_upload(world: &World, path: &str, size: usize, bytes: &[u8]) -> TcpStream {
    let Credential::Session(cookie) = &world.customer.api.credential else {
        unreachable!("customers of these tests have sessions")
    };
    let panel = world.customer.api.panel;
    let head = format!(
        "PATCH /api/v1{path} HTTP/1.1\r\nhost: {panel}\r\norigin: http://{panel}\r\nmpanel-csrf: 1\r\n\
         cookie: __Host-mpanel_session={cookie}\r\ncontent-type: application/octet-stream\r\n\
         upload-offset: 0\r\ncontent-length: {size}\r\n\r\n"
    );
    let mut connection = TcpStream::connect(panel).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(bytes).await.unwrap();
    connection
}

#[tokio::test]
async fn an_upload_goes_on_after_the_death_of_each_process_in_the_middle() {
    let mut world = World::new().await;
    for process in ["serve", "edge", "postgres", "up"] {
        let (text, _) = world.next_release();
        let page = ("index.html".to_owned(), format!("<h1>{text}</h1>").into_bytes());
        let archive = website::zip_of([page, ("noise.bin".to_owned(), website::noise(6 << 20))]);
        let customer = world.customer.clone();
        let uploads = format!("/sites/{}/uploads", world.site);
        let body = json!({"filename": "site.zip", "size": archive.len()});
        let upload = customer.api.post(&uploads, body).await.expect(201).id();
        let path = format!("{uploads}/{upload}");
        let mut connection = begin_upload(&world, &path, archive.len(), &archive[..4 << 20]).await;
        let file = world.system.data().join("blobs/uploads").join(&upload);
        eventually("some bytes are on disk", async || {
            std::fs::metadata(&file).is_ok_and(|file| file.len() > 0).then_some(())
        })
        .await;
        let killed = world.kill(&[process]).await;
        world.back(&killed).await;
        world.system.wait_complete().await;
        // Whoever still listens gets no more; one that is half served would keep the file for itself.
        connection.shutdown().await.ok();
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).await.ok();
        drop(connection);

        // As clients do: ask how much has arrived, and go on there.
        let send_rest = async || -> Option<Answer> {
            let known = customer.api.request("GET", &path).send_unchecked().await.ok()?;
            let received = known.body["offset"].as_u64()?;
            let rest = &archive[usize::try_from(received).unwrap()..];
            let request = customer
                .api
                .request("PATCH", &path)
                .body("application/octet-stream", rest);
            let answer = request
                .header("upload-offset", &received.to_string())
                .send_unchecked()
                .await
                .ok()?;
            (answer.status == 204).then_some(answer)
        };
        eventually("the rest is taken", send_rest).await;
        let body = json!({"upload_id": upload, "activate": true});
        let begun = customer
            .api
            .post(&format!("/sites/{}/releases", world.site), body)
            .await
            .expect(202);
        customer.succeeded(&begun.text("/operation_id")).await;
        world.shown = text;
        world.shows().await;
        assert_whole(&world.system, &world.customer).await;
    }
}
