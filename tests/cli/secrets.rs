//! What must never be shown, even when something is wrong with it: tokens and passwords.

use std::fs;

use crate::plugin::plugin;

/// Everything that the plugin says when it is called so.
fn said(arguments: &[&str]) -> String {
    let output = plugin().args(arguments).output().unwrap();
    let both = [output.stdout, output.stderr].concat();
    String::from_utf8(both).unwrap()
}

#[test]
fn a_kubeconfig_that_cannot_be_parsed_is_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let broken = "users:\n- name: ann\n  user:\n    token: sesame\n   client-key-data: sesame\n";
    fs::write(&file, broken).unwrap();
    let file = file.to_str().unwrap();
    for command in [
        &["verify"][..],
        &["verify", "-o", "json"],
        &["version"],
        &["runtimes", "list"],
    ] {
        let text = said(&[command, &["--kubeconfig", file]].concat());
        assert!(text.contains("cannot be parsed"), "{command:?}: {text}");
        assert!(!text.contains("sesame"), "{command:?}: {text}");
    }
}

#[test]
fn a_password_in_the_servers_url_is_not_shown() {
    for server in ["https://ann:sesame@127.0.0.1:1", "https://ann:sesame@"] {
        for command in [
            &["verify"][..],
            &["verify", "-o", "json"],
            &["version"],
            &["version", "-o", "json"],
            &["runtimes", "list"],
        ] {
            let text = said(&[command, &["--server", server]].concat());
            assert!(
                !text.is_empty() && !text.contains("sesame"),
                "{command:?}: {text}"
            );
        }
    }
}
