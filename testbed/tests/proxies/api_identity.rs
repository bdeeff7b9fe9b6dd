//! Who the API server sees behind the proxy.

use serde_json::{Value, json};

use crate::authority::Authority;
use crate::client::{BOTH, Client, Protocol};
use crate::server::Site;

fn who(client: &Client, protocol: Protocol, headers: &[(&str, &str)]) -> Value {
    let got = client.get(protocol, "/who", headers).unwrap();
    serde_json::from_str(&got.body).unwrap()
}

fn version(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http1 => "HTTP/1.1",
        Protocol::Http2 => "HTTP/2.0",
    }
}

#[test]
fn a_certificate_of_the_bed_is_named_to_the_server_with_all_its_groups() {
    let site = Site::start();
    let client = Client::new(
        &site,
        Some(&site.authority.issue("jane", &["team-a", "team-b"])),
    );
    for protocol in BOTH {
        let expected = json!({
            "user": ["jane"], "groups": ["team-a", "team-b"], "token": [],
            "certificate": "front-proxy-client", "version": version(protocol),
        });
        assert_eq!(who(&client, protocol, &[]), expected);
    }
}

#[test]
fn a_token_passes_unchanged_and_without_the_proxys_certificate() {
    let site = Site::start();
    for protocol in BOTH {
        let expected = json!({
            "user": [], "groups": [], "token": ["Bearer abc"], "certificate": null, "version": version(protocol),
        });
        assert_eq!(
            who(
                &Client::new(&site, None),
                protocol,
                &[("authorization", "Bearer abc")]
            ),
            expected
        );
    }
}

#[test]
fn who_shows_nothing_stays_anonymous_and_cannot_claim_a_name() {
    let site = Site::start();
    let claims = [
        ("x-remote-user", "admin"),
        ("x-remote-group", "system:masters"),
        ("x-remote-extra-a", "b"),
    ];
    for protocol in BOTH {
        let seen = who(&Client::new(&site, None), protocol, &claims);
        assert_eq!(
            (&seen["user"], &seen["groups"], &seen["certificate"]),
            (&json!([]), &json!([]), &Value::Null)
        );
    }
}

#[test]
fn a_strangers_certificate_is_answered_like_the_api_server_does() {
    let site = Site::start();
    let stranger = Client::new(
        &site,
        Some(&Authority::new().issue("jane", &["system:masters"])),
    );
    for protocol in BOTH {
        let got = stranger.get(protocol, "/who", &[]).unwrap();
        let status: Value = serde_json::from_str(&got.body).unwrap();
        assert_eq!(
            (got.status.as_u16(), &status["reason"]),
            (401, &json!("Unauthorized"))
        );
        assert_eq!(
            who(&stranger, protocol, &[("authorization", "Bearer abc")])["token"],
            json!(["Bearer abc"])
        );
    }
}
