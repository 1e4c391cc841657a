use std::os::unix::fs::PermissionsExt;

use super::support::{mail, sender};
use crate::{FileMailer, MailError, Mailer};

#[tokio::test]
async fn each_mail_is_a_file_that_only_its_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("mail");
    let mailer = FileMailer::new(mails.clone(), sender());
    let one = mail("ada@example.com");
    for _twice in 0..2 {
        let answer = mailer.send(&one).await.unwrap();
        assert!(
            !answer.contains("ada@example.com") && !answer.contains("reset_abc"),
            "{answer}"
        );
    }
    let files: Vec<_> = std::fs::read_dir(&mails)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(
        files,
        [mails.join(format!("{}.eml", one.id))],
        "a second attempt is the same mail"
    );
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&mails), mode(&files[0])), (0o700, 0o600));
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(text.contains("To: ada@example.com\r\n"));
    assert!(!mailer.delivers());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_temporary_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail");
    std::fs::write(&file, "").unwrap();
    let mailer = FileMailer::new(file, sender());
    assert!(matches!(
        mailer.send(&mail("ada@example.com")).await,
        Err(MailError::Temporary(_))
    ));
}
